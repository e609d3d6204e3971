//! Rows for people and for programs: aligned on a terminal, tab-separated in a pipe.
//!
//! Cells come from Telegram and may hold anything: control characters are escaped in both forms, so that text from
//! a stranger can neither move the cursor of a terminal nor end a row.

use std::io::{self, IsTerminal, Write};

/// Widest a column is drawn on a terminal, in characters.
const WIDEST: usize = 60;

/// Prints rows; a reader that went away (`| head`) has seen enough.
pub(crate) fn show(header: &[&str], rows: impl Iterator<Item = Vec<Option<String>>>) -> anyhow::Result<()> {
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let rows: Vec<_> = rows.collect();
    print(&header, &rows).or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.into()),
    })
}

/// Writes rows to standard output, the header first.
pub(crate) fn print(header: &[String], rows: &[Vec<Option<String>>]) -> io::Result<()> {
    let stdout = io::stdout();
    let aligned = stdout.is_terminal();
    write(&mut io::BufWriter::new(stdout.lock()), header, rows, aligned)
}

fn write(
    out: &mut impl Write,
    header: &[String],
    rows: &[Vec<Option<String>>],
    aligned: bool,
) -> io::Result<()> {
    let cell = |cell: &Option<String>| match cell {
        Some(text) if aligned => shorten(&escape(text)),
        Some(text) => escape(text),
        None if aligned => String::new(),
        None => "\\N".to_owned(),
    };
    let rows = rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>());
    if !aligned {
        writeln!(out, "{}", header.join("\t"))?;
        for row in rows {
            writeln!(out, "{}", row.join("\t"))?;
        }
        return out.flush();
    }
    let rows: Vec<_> = rows.collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|i| {
            rows.iter()
                .map(|row| row[i].chars().count())
                .chain([header[i].chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &[String]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    writeln!(out, "{}", line(header))?;
    writeln!(out, "{}", widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>().join("  "))?;
    for row in rows {
        writeln!(out, "{}", line(&row))?;
    }
    out.flush()
}

/// Backslash escapes for control characters and the backslash itself, as `COPY … TO` writes them.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() || is_direction_override(c) => {
                escaped.push_str(&format!("\\u{{{:x}}}", c as u32))
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Bidirectional overrides and isolates: they reorder what stands beside them on a terminal.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(aligned: bool) -> String {
        let header = ["coin".to_owned(), "n".to_owned()];
        let rows =
            [vec![Some("a\tb\x1b[2J".to_owned()), Some("1".to_owned())], vec![None, Some("20".to_owned())]];
        let mut out = Vec::new();
        write(&mut out, &header, &rows, aligned).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_pipe_gets_one_line_a_row_whatever_the_cells_hold() {
        assert_eq!(written(false), "coin\tn\na\\tb\\u{1b}[2J\t1\n\\N\t20\n");
    }

    #[test]
    fn a_terminal_gets_columns_and_no_escape_sequences() {
        let text = written(true);
        assert!(!text.contains('\x1b'), "{text:?}");
        assert!(text.lines().nth(2).is_some_and(|line| line.ends_with("  1")), "{text}");
    }
}
