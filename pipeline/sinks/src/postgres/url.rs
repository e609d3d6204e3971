//! A database URL as it may be shown: without its password.

/// The URL with everything that can be a password replaced by `****`.
///
/// Rather hides too much than too little: a password may hold `@`, `/` or `?` that should have been escaped.
pub(super) fn mask(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "****".to_owned(); // not a URL; it may be anything, a pasted password included
    };
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, _)) if credentials.contains("pass") && credentials.contains('?') => {
            return format!("{scheme}://****"); // an `@` in a parameter, or a strange password: cannot be told apart
        }
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let (place, parameters) = match place.split_once('?') {
        Some((place, parameters)) => (place, Some(parameters)),
        None => (place, None),
    };
    let mut shown = format!("{scheme}://");
    match credentials.map(|credentials| credentials.split_once(':').ok_or(credentials)) {
        Some(Ok((user, _password))) => shown.push_str(&format!("{user}:****@")),
        Some(Err(user)) => shown.push_str(&format!("{user}@")),
        None => {}
    }
    shown.push_str(place);
    for (i, parameter) in parameters.into_iter().flat_map(|all| all.split('&')).enumerate() {
        shown.push(if i == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if name.contains("pass") => {
                shown.push_str(name);
                shown.push_str("=****");
            }
            _ => shown.push_str(parameter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn passwords_are_never_shown() {
        for (url, shown) in [
            ("postgres://localhost/coins", "postgres://localhost/coins"),
            ("postgres://ann@localhost:5432/coins", "postgres://ann@localhost:5432/coins"),
            ("postgres://ann:secret@localhost/coins", "postgres://ann:****@localhost/coins"),
            ("postgres://ann:se@cr?e/t@localhost/coins", "postgres://ann:****@localhost/coins"),
            ("postgres://:secret@localhost/coins", "postgres://:****@localhost/coins"),
            (
                "postgresql:///coins?host=/run&password=secret&sslmode=disable",
                "postgresql:///coins?host=/run&password=****&sslmode=disable",
            ),
            ("postgresql:///coins?password=se@cret", "postgresql://****"),
            ("host=localhost password=secret", "****"),
        ] {
            assert_eq!(mask(url), shown);
        }
    }
}
