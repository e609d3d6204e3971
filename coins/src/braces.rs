//! Brace expansion as in a shell, by which the alias file writes inflected forms: `биткоин{,а,у}`.

/// Every text that `pattern` stands for, in the order in which a shell gives them. Braces do not nest.
pub(crate) fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let Some(open) = pattern.find('{') else {
        return if pattern.contains('}') { Err(unbalanced(pattern)) } else { Ok(vec![pattern.to_owned()]) };
    };
    let (head, rest) = (&pattern[..open], &pattern[open + 1..]);
    let (choices, tail) = rest.split_once('}').ok_or_else(|| unbalanced(pattern))?;
    if head.contains('}') || choices.contains('{') {
        return Err(unbalanced(pattern));
    }
    let tails = expand(tail)?;
    let one = |choice| tails.iter().map(move |tail| format!("{head}{choice}{tail}"));
    Ok(choices.split(',').flat_map(one).collect())
}

fn unbalanced(pattern: &str) -> String {
    format!("the braces of {pattern:?} do not match")
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn braces_expand_as_in_a_shell() {
        assert_eq!(expand("a{,b}c{d,e}"), Ok(["acd", "ace", "abcd", "abce"].map(str::to_owned).to_vec()));
        assert_eq!(expand("plain"), Ok(vec!["plain".to_owned()]));
        for broken in ["a{b", "a}b", "a{b{c}d}"] {
            assert!(expand(broken).is_err(), "{broken}");
        }
    }
}
