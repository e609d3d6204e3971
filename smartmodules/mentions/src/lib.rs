//! The SmartModule `tickertape-mentions`: what each message says by itself, worked out where the topic lies.
//!
//! Attached to topic `messages` it adds one field to every record, [`own`](enrich): the coins that the message's own
//! text mentions and the one it mentions most. It is the stateless half of attribution, by the same code: no reply
//! chain, because what a SmartModule remembers lives as long as one stream and some records pass it twice.
//!
//! This file only speaks to the engine; [`enrich`] does the work and knows nothing of Fluvio.

pub mod enrich;

use std::cell::RefCell;

use fluvio_smartmodule::dataplane::smartmodule::SmartModuleExtraParams;
use fluvio_smartmodule::{RecordData, Result, SmartModuleRecord, smartmodule};

use enrich::{BARE_TICKERS, COIN_LIST, Enricher};

thread_local! {
    static ENRICHER: RefCell<Option<Enricher>> = const { RefCell::new(None) };
}

#[smartmodule(init)]
fn init(params: SmartModuleExtraParams) -> Result<()> {
    let param = |name: &str| params.get(name).map(String::as_str);
    let enricher = Enricher::new(param(COIN_LIST), param(BARE_TICKERS))?;
    ENRICHER.with(|slot| *slot.borrow_mut() = Some(enricher));
    Ok(())
}

#[smartmodule(map)]
fn map(record: &SmartModuleRecord) -> Result<(Option<RecordData>, RecordData)> {
    ENRICHER.with(|slot| {
        let mut slot = slot.borrow_mut();
        let enricher = slot.as_mut().ok_or(enrich::Error::NotInitialised)?;
        Ok((record.key.clone(), RecordData::from(enricher.enrich(record.value.as_ref()))))
    })
}
