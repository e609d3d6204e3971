//! `--partitions 0-3,7`: which partitions a process is told to take.

use std::collections::BTreeSet;
use std::str::FromStr;

/// Numbers of partitions, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partitions(BTreeSet<u32>);

/// More than any topic has, and few enough to be listed one by one.
const MOST: u32 = 1024;

impl Partitions {
    /// Those of them that exist, or all that exist when nothing was told.
    pub(crate) fn among(told: Option<&Self>, count: u32) -> anyhow::Result<BTreeSet<u32>> {
        let Some(Self(told)) = told else { return Ok((0..count).collect()) };
        match told.iter().find(|partition| **partition >= count) {
            Some(missing) => anyhow::bail!("there is no partition {missing}; they are 0 to {}", count - 1),
            None => Ok(told.clone()),
        }
    }
}

impl FromStr for Partitions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut found = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| match text.trim().parse::<u32>() {
                Ok(number) if number < MOST => Ok(number),
                _ => Err(format!("{text:?} is not a partition; write numbers and ranges, as in 0-3,7")),
            };
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("{first}-{last} is empty; write the lower number first"));
            }
            found.extend(first..=last);
        }
        Ok(Self(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read_and_mistakes_named() {
        let read = |text: &str| text.parse::<Partitions>();
        assert_eq!(read("0-3, 7,2"), Ok(Partitions(BTreeSet::from([0, 1, 2, 3, 7]))));
        for wrong in ["", "a", "3-1", "-1", "1-", "0,,1", "4294967296", "0-4000000000"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        let told = read("0-3").expect("reads");
        assert_eq!(Partitions::among(Some(&told), 4).expect("exist").len(), 4);
        assert!(Partitions::among(Some(&told), 3).is_err());
        assert_eq!(Partitions::among(None, 3).expect("exist").len(), 3);
    }
}
