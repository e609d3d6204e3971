//! Topics, their retention, and where a topic's epoch is kept.
//!
//! Fluvio has nothing that tells a topic from an earlier one of the same name. What it does have are two limits that
//! it stores with the topic and hands out unchanged: the size of a segment and the size of a partition. The epoch is
//! written into their low bits, so it comes into being with the topic in one step, stays as long as the topic and goes
//! with it, whoever deletes it. A topic that someone else created has no random bits: created again with the same
//! limits it has the same epoch, so let tickertape create the topics.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use ::fluvio::metadata::partition::PartitionSpec;
use ::fluvio::metadata::topic::{CleanupPolicy, SegmentBasedPolicy, TopicSpec as Spec, TopicStorageConfig};

use super::Fluvio;
use crate::{Error, Result, Retention, TopicInfo, TopicPartition, TopicSpec};

/// Bits of the epoch in the size of a partition: a partition may grow up to 2 MiB beyond what was asked for.
const PARTITION_BITS: u32 = 20;
/// Bits of the epoch in the size of a segment.
const SEGMENT_BITS: u32 = 20;
/// A partition that keeps everything: more than any disk, less than where sums overflow.
const UNBOUNDED: u64 = 1 << 60;
/// Fluvio's own size of a segment. Retention deletes whole segments, so bounded topics have smaller ones.
const LARGEST_SEGMENT: u64 = 1 << 30;
/// Holds a few of the largest batches.
const SMALLEST_SEGMENT: u64 = 8 << 20;
/// Fluvio takes no shorter retention.
const SHORTEST_AGE: u32 = 10;
/// An SC answers a creation when the partitions are online, and if it misses that, after a minute and a half.
const SERVED: Duration = Duration::from_secs(2);
/// How often to look whether the cluster has done what was asked.
const LOOK: Duration = Duration::from_millis(50);

/// What a cluster is told about a topic. `random` becomes its epoch.
fn spec(wanted: &TopicSpec, replicas: u32, random: u64) -> Spec {
    let Retention { age, bytes } = wanted.retention;
    let seconds = age.map_or(u32::MAX, |age| {
        u32::try_from(age.as_secs() + u64::from(age.subsec_nanos() > 0)).unwrap_or(u32::MAX)
    });
    let segment = bytes.map_or(LARGEST_SEGMENT, |bytes| (bytes / 8).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT));
    let segment = stamp(segment, SEGMENT_BITS, random >> PARTITION_BITS);
    // A partition holds at least the segment that is written to.
    let partition =
        stamp(bytes.map_or(UNBOUNDED, |bytes| bytes.min(UNBOUNDED)).max(2 * segment), PARTITION_BITS, random);
    let mut spec = Spec::new_computed(wanted.partitions, replicas, None);
    spec.set_cleanup_policy(CleanupPolicy::Segment(SegmentBasedPolicy {
        time_in_seconds: seconds.max(SHORTEST_AGE),
    }));
    spec.set_storage(TopicStorageConfig {
        segment_size: Some(u32::try_from(segment).expect("a segment is about 1 GiB at most")),
        max_partition_size: Some(partition),
    });
    spec
}

/// Puts the low `bits` of `random` into those of `size`, which grows by less than twice 2^bits.
fn stamp(size: u64, bits: u32, random: u64) -> u64 {
    let low = (1 << bits) - 1;
    (size.div_ceil(1 << bits) << bits) | (random & low)
}

/// The epoch that a topic carries: both limits, mixed so that two topics differ visibly.
fn epoch(spec: &Spec) -> u64 {
    let storage = spec.get_storage().cloned().unwrap_or_default();
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&storage.segment_size.unwrap_or(0).to_le_bytes());
    bytes[4..].copy_from_slice(&storage.max_partition_size.unwrap_or(0).to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

fn info(name: String, spec: &Spec) -> TopicInfo {
    TopicInfo { name, partitions: spec.partitions(), epoch: epoch(spec) }
}

impl Fluvio {
    /// See [`crate::Broker::topics`].
    pub(super) async fn list_topics(&self) -> Result<Vec<TopicInfo>> {
        let topics = self.patiently("listed topics of", || Box::pin(self.cluster.list_topics())).await?;
        Ok(topics.into_iter().map(|topic| info(topic.name, &topic.spec)).collect())
    }

    /// See [`crate::Broker::create_topic`].
    pub(super) async fn create(&self, wanted: &TopicSpec) -> Result<TopicInfo> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(wanted.name.chars().all(letters) && !wanted.name.is_empty(), "{wanted:?}: bad name");
        assert!(wanted.partitions > 0, "{wanted:?}: no partition");
        let random = RandomState::new().hash_one(std::process::id());
        let spec = spec(wanted, self.cluster.options.replicas, random);
        let deadline = Instant::now() + self.cluster.options.give_up_after();
        loop {
            let existing = self.list_topics().await?.into_iter().find(|topic| topic.name == wanted.name);
            if let Some(existing) = existing {
                if existing.partitions != wanted.partitions {
                    return Err(Error::TopicDiffers {
                        topic: existing.name,
                        existing: existing.partitions,
                        wanted: wanted.partitions,
                    });
                }
                self.until_served(&existing).await?;
                return Ok(existing);
            }
            let created = self.cluster.admin_within(SERVED, |admin| {
                let (name, spec) = (wanted.name.clone(), spec.clone());
                Box::pin(async move { admin.create(name, false, spec).await })
            });
            if let Err(reason) = created.await {
                // Another process may have been faster, or the answer was lost: the list tells.
                if Instant::now() >= deadline {
                    return Err(self
                        .cluster
                        .error(format!("asked to create topic {} in", wanted.name), reason));
                }
                tracing::debug!(topic = wanted.name, reason, "a topic was not created");
                tokio::time::sleep(LOOK * 10).await;
            }
        }
    }

    /// See [`crate::Broker::delete_topic`].
    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        let deadline = Instant::now() + self.cluster.options.give_up_after();
        let mut asked = false;
        loop {
            let there = self.list_topics().await?.iter().any(|topic| topic.name == name);
            self.forget(name);
            if !there && !asked {
                return Err(Error::NoSuchPartition { at: TopicPartition::new(name, 0) });
            }
            let partitions = self
                .patiently("listed partitions of", || Box::pin(self.cluster.list::<PartitionSpec>()))
                .await?;
            if !there && !partitions.iter().any(|partition| is_of(&partition.name, name)) {
                return Ok(());
            }
            if there {
                let deleted = self
                    .cluster
                    .admin(|admin| Box::pin(async move { admin.delete::<Spec>(name.to_owned()).await }))
                    .await;
                asked = asked || deleted.is_ok();
            }
            if Instant::now() >= deadline {
                return Err(self.cluster.error(format!("asked to delete topic {name} in"), "it stays"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every partition is served. The SPUs are asked: an SC may miss that a partition came online (0.18.1,
    /// seen after a topic was created right behind a deletion), and says so only when something is written to it.
    async fn until_served(&self, topic: &TopicInfo) -> Result<()> {
        for partition in 0..topic.partitions {
            self.cluster.bounds(&TopicPartition::new(&topic.name, partition)).await?;
        }
        Ok(())
    }
}

/// Whether a partition's name, `topic-partition`, is one of the topic.
fn is_of(partition: &str, topic: &str) -> bool {
    partition.rsplit_once('-').is_some_and(|(name, _)| name == topic)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(age: Option<Duration>, bytes: Option<u64>) -> TopicSpec {
        TopicSpec { name: "messages".into(), partitions: 2, retention: Retention { age, bytes } }
    }

    #[test]
    fn by_default_nothing_is_deleted() {
        let spec = spec(&wanted(None, None), 1, u64::MAX);
        assert_eq!(spec.retention_secs(), u32::MAX);
        assert!(spec.get_storage().unwrap().max_partition_size.unwrap() >= UNBOUNDED);
    }

    proptest! {
        #[test]
        fn a_cluster_takes_every_retention_and_keeps_at_least_as_much(
            seconds in prop::option::of(0..1u64 << 40),
            bytes in prop::option::of(any::<u64>().prop_map(|n| n >> 8)),
            random in any::<u64>(),
        ) {
            let spec = spec(&wanted(seconds.map(Duration::from_secs), bytes), 1, random);
            prop_assert_eq!(spec.validate_config(), None);
            let kept = spec.get_storage().unwrap().max_partition_size.unwrap();
            prop_assert!(bytes.is_none_or(|bytes| kept >= bytes && kept <= bytes.max(3 << 30) + (2 << PARTITION_BITS)));
            prop_assert!(seconds.is_none_or(|s| u64::from(spec.retention_secs()) >= s.min(u64::from(u32::MAX))));
        }

        #[test]
        fn each_random_number_is_an_epoch_of_its_own(a in any::<u64>(), b in any::<u64>()) {
            let low = |n: u64| n & ((1 << (PARTITION_BITS + SEGMENT_BITS)) - 1);
            let of = |random| epoch(&spec(&wanted(None, Some(5 << 30)), 1, random));
            prop_assert_eq!(of(a) == of(b), low(a) == low(b));
        }
    }
}
