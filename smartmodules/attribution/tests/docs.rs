//! Runs the examples of `docs/attribution.md`.

mod common;

use tickertape_attribution::{Matcher, Options};
use tickertape_coins::Rules;

#[test]
fn the_entries_of_the_guide_do_what_it_says() {
    let guide = include_str!("../../../docs/attribution.md");
    let examples: Vec<&str> =
        guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [aliases, ambiguous] = examples[..] else { panic!("the guide has {} examples", examples.len()) };
    let quotes = include_str!("../../../coins/data/quotes.toml");
    let list = common::list(&[("litecoin", "ltc", "Litecoin")]);
    let matcher = |aliases, ambiguous| {
        let rules = Rules::from_files(aliases, ambiguous, quotes).expect("the guide's example");
        Matcher::new(&list, &rules, Options::default()).expect("builds")
    };
    let text = "digital silver, лайткоину, ltc";
    assert_eq!(common::ids(&matcher("", ""), text), "litecoin");
    assert_eq!(common::ids(&matcher(aliases, ""), text), "litecoin litecoin litecoin");
    assert_eq!(common::ids(&matcher(aliases, ambiguous), text), "litecoin litecoin");
}
