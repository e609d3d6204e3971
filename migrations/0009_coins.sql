CREATE TABLE coin_lists (
    version   bigint      NOT NULL PRIMARY KEY,
    as_of     text        NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE coin_lists IS 'Every coin list that was ever published, as it lies on topic coin-lists.';
COMMENT ON COLUMN coin_lists.version IS 'Its place on the topic, from 1; attributed rows name it.';
COMMENT ON COLUMN coin_lists.as_of IS 'Day or moment of the market data, as its source wrote it.';
COMMENT ON COLUMN coin_lists.stored_at IS 'When it came into this database, by the clock of this server.';

CREATE TABLE coin_list_coins (
    version bigint  NOT NULL REFERENCES coin_lists ON DELETE CASCADE,
    place   integer NOT NULL,
    coin_id text    NOT NULL,
    symbol  text    NOT NULL,
    name    text    NOT NULL,
    rank    bigint  NOT NULL,
    PRIMARY KEY (version, place)
);

COMMENT ON TABLE coin_list_coins IS 'The coins of each list.';
COMMENT ON COLUMN coin_list_coins.version IS 'The list.';
COMMENT ON COLUMN coin_list_coins.place IS 'Place in the list, from 1.';
COMMENT ON COLUMN coin_list_coins.coin_id IS 'CoinGecko''s slug.';
COMMENT ON COLUMN coin_list_coins.symbol IS 'Ticker.';
COMMENT ON COLUMN coin_list_coins.name IS 'Full name.';
COMMENT ON COLUMN coin_list_coins.rank IS 'Place by market cap among all coins, stablecoins included.';

CREATE TABLE coin_refreshes (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    outcome text        NOT NULL,
    reason  text,
    version bigint      NOT NULL,
    calls   bigint      NOT NULL
);

COMMENT ON TABLE coin_refreshes IS 'Every time CoinGecko was asked for the list, and what came of it.';
COMMENT ON COLUMN coin_refreshes.at IS 'When it was asked.';
COMMENT ON COLUMN coin_refreshes.outcome IS 'changed, unchanged, or the name of the reason why the list in force stayed.';
COMMENT ON COLUMN coin_refreshes.reason IS 'The reason in words; null when the answer was taken.';
COMMENT ON COLUMN coin_refreshes.version IS 'The list in force afterwards.';
COMMENT ON COLUMN coin_refreshes.calls IS 'Calls it took.';
COMMENT ON COLUMN coin_refreshes.id IS 'The order in which they happened.';

CREATE TABLE coin_calls (
    month text   NOT NULL PRIMARY KEY,
    calls bigint NOT NULL
);

COMMENT ON TABLE coin_calls IS 'Calls to CoinGecko in each month, counted before they are made.';
COMMENT ON COLUMN coin_calls.month IS 'YYYY-MM, UTC.';
COMMENT ON COLUMN coin_calls.calls IS 'Calls made; after a kill up to six more than that.';
