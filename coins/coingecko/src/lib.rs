//! CoinGecko over HTTP: the top coins by market cap, and why an answer was not taken.
