//! Which files an import reads.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// One file or pipe to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub(crate) place: Place,
    /// Named by the user, not merely found in a folder: then it is an error if it is not an export.
    pub(crate) named: bool,
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Stdin,
    File(PathBuf),
    /// A named pipe or the like: read once from front to end, so it cannot be known again.
    Pipe(PathBuf),
}

impl Input {
    /// Its path; `-` for stdin.
    pub fn path(&self) -> String {
        match &self.place {
            Place::Stdin => "-".to_owned(),
            Place::File(path) | Place::Pipe(path) => path.display().to_string(),
        }
    }

    /// Its size on disk; 0 for a pipe.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The name that records carry: without the folder, `-` for a pipe.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Place::Stdin | Place::Pipe(_) => "-".to_owned(),
        }
    }
}

/// Finds what `paths` mean: files, folders (with all that is in them), patterns such as `exports/*.json`, and `-` for
/// stdin. Sorted by path, stdin last, each file once; so the order of records does not depend on the order of the
/// arguments.
///
/// Whether a file is an export shows when it is read. One that is named and is none is reported as broken; one that
/// was only found in a folder, as the photos beside a `result.json`, is passed over.
pub fn discover<P: AsRef<str>>(paths: &[P]) -> Result<Vec<Input>, Error> {
    let mut files = BTreeMap::new();
    let mut stdin = false;
    for path in paths.iter().map(AsRef::as_ref) {
        if path == "-" {
            stdin = true;
        } else if let Ok(metadata) = fs::metadata(path) {
            add(&mut files, Path::new(path), &metadata)?;
        } else {
            let not_found = || Error::NotFound { path: path.to_owned() };
            let mut matched = false;
            for found in glob::glob(path).map_err(|_| not_found())?.flatten() {
                let metadata = fs::metadata(&found).map_err(|source| unreadable(&found, source))?;
                add(&mut files, &found, &metadata)?;
                matched = true;
            }
            if !matched {
                return Err(not_found());
            }
        }
    }
    let stdin = stdin.then_some(Input { place: Place::Stdin, named: true, bytes: 0 });
    Ok(files.into_values().chain(stdin).collect())
}

/// The inputs by their canonical paths, by which one that is named twice is known.
type Files = BTreeMap<PathBuf, Input>;

fn add(files: &mut Files, path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if !metadata.is_dir() {
        return insert(files, path, metadata, true);
    }
    let mut folders = vec![path.to_owned()];
    let mut empty = true;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))? {
            let entry = entry.map_err(|source| unreadable(&folder, source))?;
            let kind = entry.file_type().map_err(|source| unreadable(&folder, source))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if let Ok(metadata) = fs::metadata(entry.path())
                // A link to a folder may lead in a circle, and a pipe would be waited for.
                && metadata.is_file()
            {
                insert(files, &entry.path(), &metadata, false)?;
                empty = false;
            }
        }
    }
    if empty { Err(Error::EmptyFolder { path: path.display().to_string() }) } else { Ok(()) }
}

fn insert(files: &mut Files, path: &Path, metadata: &Metadata, named: bool) -> Result<(), Error> {
    let canonical = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
    let (place, bytes) = if metadata.is_file() {
        (Place::File(path.to_owned()), metadata.len())
    } else {
        (Place::Pipe(path.to_owned()), 0)
    };
    files.entry(canonical).or_insert(Input { place, named, bytes }).named |= named;
    Ok(())
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Unreadable { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for file in ["b.json", "a/result.json", "a/photos/1.jpg", "c[1].json"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        fs::create_dir(dir.path().join("none")).expect("a folder");
        dir
    }

    fn found(dir: &Path, paths: &[&str]) -> Vec<(String, bool)> {
        let paths: Vec<String> =
            paths.iter().map(|path| dir.join(path).to_string_lossy().into_owned()).collect();
        let inputs = discover(&paths).expect("finds");
        let root = format!("{}/", dir.display());
        inputs.iter().map(|input| (input.path().replace(&root, ""), input.named)).collect()
    }

    #[test]
    fn files_folders_and_patterns_sorted_and_once_each() {
        let dir = tree();
        let all = [("a/photos/1.jpg", false), ("a/result.json", true), ("b.json", true), ("c[1].json", true)];
        let all = all.map(|(path, named)| (path.to_owned(), named));
        assert_eq!(found(dir.path(), &["*.json", "a", "a/../b.json", "a/result.json"]), all);
        assert_eq!(found(dir.path(), &["a", "*/*.json", "*.json"]), all);
        assert_eq!(found(dir.path(), &["c[1].json"]), all[3..]);
    }

    #[cfg(unix)]
    #[test]
    fn a_circle_of_links_ends() {
        let dir = tree();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/up")).expect("a link");
        std::os::unix::fs::symlink(dir.path().join("gone"), dir.path().join("a/dangling")).expect("a link");
        assert_eq!(found(dir.path(), &["a"]).len(), 2);
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        let dir = tree();
        for missing in ["nothing.json", "*.gz", "a[", "none"] {
            let path = dir.path().join(missing).to_string_lossy().into_owned();
            let error = discover(&["-", &path]).expect_err("matches nothing");
            assert!(error.to_string().contains(&path), "{error}");
        }
    }

    #[test]
    fn stdin_comes_last() {
        let dir = tree();
        let file = dir.path().join("b.json").to_string_lossy().into_owned();
        let inputs = discover(&["-", &file, "-"]).expect("finds");
        assert_eq!(inputs.iter().map(Input::path).collect::<Vec<_>>(), [file, "-".to_owned()]);
    }
}
