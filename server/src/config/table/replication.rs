//! Rows about several servers with the same data, and about several with parts of it.

use super::super::kind::Kind::{Bool, Enum, Int, ReplicaOf, Text, TextOrEmpty};
use super::super::kind::Unit::{Memory, Plain};
use super::Effect::{self, Stored};
use super::texts::{any, hostname, ipv4, ipv6, nodename};
use super::words::{EndpointType, PropagationErrorBehavior, ReplDisklessLoad};
use super::{Flags, Group, row};

const MUTABLE: Flags = Flags::MUTABLE;
const IMMUTABLE: Flags = Flags::IMMUTABLE;
const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const NONE: Effect = Stored("there is no replication yet");
const NO_CLUSTER: Effect = Stored("there is no cluster mode yet");

/// Replication.
#[rustfmt::skip]
pub(super) static REPLICATION: Group = Group { title: "Replication", rows: &[
    row("replicaof", ReplicaOf, "", IMMUTABLE, NONE, "The primary of this server.").alias("slaveof"),
    row("masterauth", Text(any), "", Flags::SENSITIVE, NONE,
        "The password at the primary.").alias("primaryauth"),
    row("masteruser", Text(any), "", Flags::SENSITIVE, NONE, "The user at the primary.").alias("primaryuser"),
    row("replica-serve-stale-data", Bool, "yes", MUTABLE, NONE,
        "Answer while the primary is away.").alias("slave-serve-stale-data"),
    row("replica-read-only", Bool, "yes", MUTABLE, NONE, "Refuse writes on a replica.").alias("slave-read-only"),
    row("replica-lazy-flush", Bool, "no", MUTABLE, NONE,
        "Free a replica's old data in the background.").alias("slave-lazy-flush"),
    row("replica-ignore-maxmemory", Bool, "yes", MUTABLE, NONE,
        "Leave eviction to the primary.").alias("slave-ignore-maxmemory"),
    row("replica-ignore-disk-write-errors", Bool, "no", MUTABLE, NONE,
        "Go on as a replica when the disk is full."),
    row("replica-priority", Int(0, INT_MAX, Plain), "100", MUTABLE, NONE,
        "Which replica becomes primary: the lowest above 0.").alias("slave-priority"),
    row("replica-announced", Bool, "yes", MUTABLE, NONE, "Whether Sentinel shows this replica."),
    row("replica-announce-ip", Text(any), "", MUTABLE, NONE,
        "The address under which others reach this replica.").alias("slave-announce-ip"),
    row("replica-announce-port", Int(0, 65535, Plain), "0", MUTABLE, NONE,
        "The port under which others reach this replica.").alias("slave-announce-port"),
    row("min-replicas-to-write", Int(0, INT_MAX, Plain), "0", MUTABLE, NONE,
        "Refuse writes with fewer replicas.").alias("min-slaves-to-write"),
    row("min-replicas-max-lag", Int(0, INT_MAX, Plain), "10", MUTABLE, NONE,
        "Seconds of silence after which a replica does not count.").alias("min-slaves-max-lag"),
    row("repl-timeout", Int(1, INT_MAX, Plain), "60", MUTABLE, NONE,
        "Seconds of silence after which the other side is given up."),
    row("repl-ping-replica-period", Int(1, INT_MAX, Plain), "10", MUTABLE, NONE,
        "Seconds between pings to replicas.").alias("repl-ping-slave-period"),
    row("repl-backlog-size", Int(1, LONG_MAX, Memory), "1mb", MUTABLE, NONE,
        "How much a replica may miss and still catch up."),
    row("repl-backlog-ttl", Int(0, LONG_MAX, Plain), "3600", MUTABLE, NONE,
        "Seconds without replicas after which that is dropped; 0 never."),
    row("repl-disable-tcp-nodelay", Bool, "no", MUTABLE, NONE, "Send to replicas in fewer, larger packets."),
    row("repl-diskless-sync", Bool, "yes", MUTABLE, NONE, "Send snapshots to replicas without a file."),
    row("repl-diskless-sync-delay", Int(0, INT_MAX, Plain), "5", MUTABLE, NONE,
        "Seconds to wait for more replicas first."),
    row("repl-diskless-sync-max-replicas", Int(0, INT_MAX, Plain), "0", MUTABLE, NONE,
        "With how many replicas the wait ends; 0 is its time only."),
    row("repl-diskless-load", Enum(ReplDisklessLoad::WORDS), "disabled", Flags::DENY_LOADING, NONE,
        "How a replica takes a snapshot."),
    row("dual-channel-replication-enabled", Bool, "no", MUTABLE, NONE,
        "Send snapshot and changes on two connections."),
    row("propagation-error-behavior", Enum(PropagationErrorBehavior::WORDS), "ignore", MUTABLE, NONE,
        "What follows when a command from the primary fails."),
] };

/// Cluster.
#[rustfmt::skip]
pub(super) static CLUSTER: Group = Group { title: "Cluster", rows: &[
    row("cluster-enabled", Bool, "no", IMMUTABLE, NO_CLUSTER, "Be a node of a cluster."),
    row("cluster-config-file", TextOrEmpty(any), "nodes.conf", IMMUTABLE, NO_CLUSTER,
        "The file in which the node keeps what it knows of the others."),
    row("cluster-port", Int(0, 65535, Plain), "0", IMMUTABLE, NO_CLUSTER,
        "The port of the nodes' own talk; 0 is port + 10000."),
    row("cluster-node-timeout", Int(0, LONG_MAX, Plain), "15000", MUTABLE, NO_CLUSTER,
        "Milliseconds of silence after which a node is down."),
    row("cluster-ping-interval", Int(0, LONG_MAX, Plain), "0", Flags::HIDDEN, NO_CLUSTER,
        "Milliseconds between pings, for tests."),
    row("cluster-blacklist-ttl", Int(0, u64::MAX as i128, Plain), "60", MUTABLE, NO_CLUSTER,
        "Seconds that a forgotten node stays forgotten."),
    row("cluster-migration-barrier", Int(0, INT_MAX, Plain), "1", MUTABLE, NO_CLUSTER,
        "Replicas that must stay when one moves to another primary."),
    row("cluster-allow-replica-migration", Bool, "yes", MUTABLE, NO_CLUSTER,
        "Let replicas move to primaries that have none."),
    row("cluster-replica-validity-factor", Int(0, INT_MAX, Plain), "10", MUTABLE, NO_CLUSTER,
        "How old a replica's data may be to take over.").alias("cluster-slave-validity-factor"),
    row("cluster-replica-no-failover", Bool, "no", MUTABLE, NO_CLUSTER,
        "Never take over by itself.").alias("cluster-slave-no-failover"),
    row("cluster-require-full-coverage", Bool, "yes", MUTABLE, NO_CLUSTER,
        "Answer only while every slot is served."),
    row("cluster-allow-reads-when-down", Bool, "no", MUTABLE, NO_CLUSTER, "Answer reads while the cluster is down."),
    row("cluster-allow-pubsubshard-when-down", Bool, "yes", MUTABLE, NO_CLUSTER,
        "Serve shard channels while the cluster is down."),
    row("cluster-link-sendbuf-limit", Int(0, u64::MAX as i128, Memory), "0", MUTABLE, NO_CLUSTER,
        "How much may wait for one node; 0 is no limit."),
    row("cluster-announce-ip", Text(any), "", MUTABLE, NO_CLUSTER, "The address under which others reach this node."),
    row("cluster-announce-port", Int(0, 65535, Plain), "0", MUTABLE, NO_CLUSTER, "The port likewise."),
    row("cluster-announce-tls-port", Int(0, 65535, Plain), "0", MUTABLE, NO_CLUSTER, "The TLS port likewise."),
    row("cluster-announce-bus-port", Int(0, 65535, Plain), "0", MUTABLE, NO_CLUSTER, "The nodes' port likewise."),
    row("cluster-announce-hostname", Text(hostname), "", MUTABLE, NO_CLUSTER, "The host name likewise."),
    row("cluster-announce-human-nodename", Text(nodename), "", MUTABLE, NO_CLUSTER, "The node's name in logs."),
    row("cluster-announce-client-ipv4", Text(ipv4), "", MUTABLE, NO_CLUSTER, "The IPv4 address that clients use."),
    row("cluster-announce-client-ipv6", Text(ipv6), "", MUTABLE, NO_CLUSTER, "The IPv6 address that clients use."),
    row("cluster-preferred-endpoint-type", Enum(EndpointType::WORDS), "ip", MUTABLE, NO_CLUSTER,
        "What redirections name."),
    row("cluster-slot-stats-enabled", Bool, "no", MUTABLE, NO_CLUSTER, "Keep statistics of each slot."),
] };
