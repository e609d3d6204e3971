//! Reads the inputs one after another on a thread of its own: files block, and parsing is work.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use tickertape_records::{ImportProgress, SourceKind};
use tokio::sync::mpsc;

use crate::desktop::Walk;
use crate::discover::{Input, Place};
use crate::error::Broken;
use crate::flush::{Collector, Flush, Layout, Record, beginning};
use crate::format::{Format, recognise};
use crate::window::{Found, MAX_RECORD, Window};
use crate::{Progress, desktop, escapes, lines, source, telethon};

/// What the reader hands over.
pub(crate) enum Step {
    /// Records to append.
    Append(Flush),
    /// The end of an input.
    Finished { input: Input, outcome: Outcome },
}

/// How an input ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything in it was read.
    Imported,
    /// It had been imported before.
    Known,
    /// Found in a folder, and not an export.
    Passed,
    /// It could be read so far and no further.
    Broken(String),
}

/// Nobody wants any more records: the import was stopped, or the log refused.
pub(crate) struct Closed;

pub(crate) struct Reader {
    pub(crate) layout: Layout,
    /// How far files were read before, by file id.
    pub(crate) known: HashMap<String, ImportProgress>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) steps: mpsc::Sender<Step>,
}

impl Reader {
    pub(crate) fn read_all(mut self, inputs: Vec<Input>) -> Result<(), Closed> {
        for input in inputs {
            let outcome = self.read(&input)?;
            self.send(Step::Finished { input, outcome })?;
        }
        Ok(())
    }

    fn send(&self, step: Step) -> Result<(), Closed> {
        self.steps.blocking_send(step).map_err(|_| Closed)
    }

    fn read(&mut self, input: &Input) -> Result<Outcome, Closed> {
        let mut window = match source::open(input, self.progress.clone()) {
            Ok(bytes) => Window::new(bytes),
            Err(error) => return Ok(Outcome::Broken(Broken::from(error).to_string())),
        };
        let format = match recognise(&mut window) {
            Ok(format) => format,
            Err(Broken::UnknownFormat { .. }) if !input.named => return Ok(Outcome::Passed),
            Err(error) => return Ok(Outcome::Broken(error.to_string())),
        };
        let (before, received_at) = match &input.place {
            Place::Stdin | Place::Pipe(_) => (beginning(String::new(), input.name()), None),
            Place::File(path) => match source::file_id(path) {
                Err(error) => return Ok(Outcome::Broken(Broken::from(error).to_string())),
                Ok(id) => {
                    let known = self.known.get(&id).cloned();
                    (known.unwrap_or_else(|| beginning(id, input.name())), source::modified(path))
                }
            },
        };
        if before.done {
            return Ok(Outcome::Known);
        }
        let mut records = Records::new(format, window);
        let mut collector = Collector::new(self.layout, format.source_kind(), received_at, before);
        let broken = match self.read_records(&mut records, &mut collector)? {
            Ok(()) => None,
            Err(error) => Some(format!(
                "{error}; this is behind record {}, at byte {} of its content",
                collector.position(),
                records.window.consumed()
            )),
        };
        if broken.is_none() || !collector.is_empty() {
            self.send(Step::Append(collector.flush(broken.is_none())))?;
        }
        // A copy of this file among the inputs is then known.
        let progress = collector.into_progress();
        self.known.insert(progress.file_id.clone(), progress);
        Ok(broken.map_or(Outcome::Imported, Outcome::Broken))
    }

    /// Reads to the end of a file, from behind what was read before.
    fn read_records<R: Read>(
        &self,
        records: &mut Records<R>,
        collector: &mut Collector,
    ) -> Result<Result<(), Broken>, Closed> {
        let mut read_before = collector.position();
        loop {
            let found = match records.next() {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            if read_before > 0 {
                read_before -= 1;
            } else {
                collector.add(records.decode(&found));
                if collector.is_full() {
                    self.send(Step::Append(collector.flush(false)))?;
                }
            }
            records.consume(&found);
        }
    }
}

/// The records of one file.
struct Records<R> {
    window: Window<R>,
    walk: Option<Walk>,
}

impl<R: Read> Records<R> {
    fn new(format: Format, window: Window<R>) -> Self {
        Self { window, walk: (format == Format::Desktop).then(Walk::default) }
    }

    fn next(&mut self) -> Result<Option<Found>, Broken> {
        match &mut self.walk {
            Some(walk) => walk.next(&mut self.window),
            None => lines::next(&mut self.window),
        }
    }

    /// What the record found says, or why nobody knows and its bytes.
    fn decode<'a>(&'a self, found: &'a Found) -> Result<Record, (String, &'a [u8])> {
        match found {
            Found::Oversized { beginning } => {
                let reason = format!("larger than {} MiB; shown is how it begins", MAX_RECORD >> 20);
                Err((reason, beginning))
            }
            Found::Record { length, .. } => {
                let bytes = &self.window.bytes()[..*length];
                self.decode_bytes(bytes)
                    .or_else(|reason| match escapes::mend(bytes) {
                        Some(mended) => self.decode_bytes(&mended),
                        None => Err(reason),
                    })
                    .map_err(|reason| (reason, bytes.trim_ascii()))
            }
        }
    }

    fn decode_bytes(&self, bytes: &[u8]) -> Result<Record, String> {
        match &self.walk {
            Some(walk) => desktop::decode(walk.chat()?, bytes),
            None => telethon::decode(bytes),
        }
    }

    fn consume(&mut self, found: &Found) {
        if let Found::Record { advance, .. } = found {
            self.window.consume(*advance);
        }
    }
}

impl Format {
    fn source_kind(self) -> SourceKind {
        match self {
            Self::Desktop => SourceKind::Desktop,
            Self::Telethon => SourceKind::Telethon,
        }
    }
}
