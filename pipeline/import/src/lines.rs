//! One record a line: JSON Lines, with either kind of line end.

use std::io::Read;

use crate::error::Broken;
use crate::window::{Found, MAX_RECORD, Window};

/// The next line that is not blank; none at the end.
pub(crate) fn next<R: Read>(window: &mut Window<R>) -> Result<Option<Found>, Broken> {
    loop {
        let mut searched = 0;
        let (length, advance) = loop {
            if let Some(at) = memchr::memchr(b'\n', &window.bytes()[searched..]) {
                break (searched + at, searched + at + 1);
            }
            searched = window.bytes().len();
            if searched > MAX_RECORD {
                return pass_over(window).map(Some);
            }
            if !window.fill()? {
                break (searched, searched);
            }
        };
        if advance == 0 {
            return Ok(None);
        }
        if !window.bytes()[..length].trim_ascii().is_empty() {
            return Ok(Some(Found::Record { length, advance }));
        }
        window.consume(advance);
    }
}

fn pass_over<R: Read>(window: &mut Window<R>) -> Result<Found, Broken> {
    let beginning = window.beginning();
    loop {
        if let Some(at) = memchr::memchr(b'\n', window.bytes()) {
            window.consume(at + 1);
            break;
        }
        window.consume(window.bytes().len());
        if !window.fill()? {
            break;
        }
    }
    Ok(Found::Oversized { beginning })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_blank_lines_and_a_missing_last_line_end() {
        let mut window = Window::new(&b"\r\n{1}\r\n\n  \n{2}\n{3}"[..]);
        let mut lines = Vec::new();
        while let Some(found) = next(&mut window).expect("reads") {
            let Found::Record { length, advance } = found else { panic!("oversized") };
            lines.push(String::from_utf8_lossy(&window.bytes()[..length]).trim_end().to_owned());
            window.consume(advance);
        }
        assert_eq!(lines, ["{1}", "{2}", "{3}"]);
    }

    #[test]
    fn a_line_beyond_the_bound_is_passed_over() {
        let huge = vec![b'x'; MAX_RECORD + 200_000];
        let mut window = Window::new(std::io::Read::chain(&huge[..], &b"\n{2}\n"[..]));
        let first = next(&mut window).expect("reads");
        assert!(matches!(first, Some(Found::Oversized { beginning }) if beginning.starts_with(b"xxx")));
        let second = next(&mut window).expect("reads");
        assert!(matches!(second, Some(Found::Record { length: 3, advance: 4 })), "{second:?}");
    }
}
