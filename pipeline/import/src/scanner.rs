//! Finds where a JSON value ends, in pieces of any size, without understanding it.
//!
//! Only strings and nesting matter for that. Whether the value is right is for the parser that gets its bytes, which
//! is why a broken value costs one record and not the file.

/// Scans one value. The first byte it is fed is the value's first.
#[derive(Debug, Default)]
pub(crate) struct ValueScanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl ValueScanner {
    /// Reads on; if the value ends in `bytes`, how many of them belong to it. A number or a word ends before what
    /// delimits it, which must be there to tell.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            if self.in_string {
                if self.escaped {
                    bytes.get(at)?;
                    at += 1;
                    self.escaped = false;
                }
                at += memchr::memchr2(b'"', b'\\', &bytes[at..])? + 1;
                if bytes[at - 1] == b'\\' {
                    self.escaped = true;
                    continue;
                }
                self.in_string = false;
                if self.depth == 0 {
                    return Some(at);
                }
            } else {
                match *bytes.get(at)? {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => {
                        return Some(at);
                    }
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            r#"["\\{}\[\],: \nя🚀a]{0,12}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(r#"["\\{}a]{0,3}"#, inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_ends_where_serde_json_says(
            value in json(),
            pretty in any::<bool>(),
            cuts in prop::collection::vec(1..9_usize, 1..20),
        ) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }
                .expect("serialises");
            let stream = format!("{text} ,\"behind\"]");
            let (mut scanner, mut fed, mut cuts) = (ValueScanner::default(), 0, cuts.iter().cycle());
            let end = loop {
                let cut = (fed + cuts.next().expect("endless")).min(stream.len());
                prop_assert!(fed < stream.len(), "ran past the end");
                match scanner.feed(&stream.as_bytes()[fed..cut]) {
                    Some(end) => break fed + end,
                    None => fed = cut,
                }
            };
            prop_assert_eq!(end, text.len());
        }
    }
}
