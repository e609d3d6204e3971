//! Where records come to rest: Postgres and Parquet.
