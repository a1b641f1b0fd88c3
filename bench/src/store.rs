//! The store beside etcd, each as an API server uses it: ours inside the process, etcd as a server of its own over
//! gRPC on the loopback. Both flush every put before they answer (group commit on both sides), both with the same
//! keys, values, number of clients and file system. The difference therefore includes the hop that an embedded
//! store does not need; it is not a comparison of two log formats.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Expect, Op, Options, Payload, Store};

use crate::etcd;
use crate::measure::{Failure, Sample, human, median, repeat};

/// Bytes of a value: a small Kubernetes object.
const VALUE: usize = 1024;
/// Keys that each client writes in turn.
const KEYS: u64 = 100;
const CLIENTS: &[usize] = &[1, 16, 64, 256];
/// Clients that share a connection to etcd.
const PER_CONNECTION: usize = 32;
/// Objects that a list returns.
const LISTED: usize = 10_000;
const RUNS: usize = 3;

/// Runs the comparison, with about `time` per figure and run.
pub(crate) fn run(time: Duration) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(compare(time))
}

async fn compare(time: Duration) -> Result<(), Failure> {
    // Not /tmp, which may be memory: the disk is what is compared.
    let dir = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| "/var/tmp".into()))?;
    let ours = Store::open(&dir.path().join("store"), Options::default()).await?;
    let theirs = etcd::Server::start(&dir.path().join("etcd")).await?;
    let sizes = (size(&dir.path().join("store"))?, size(&dir.path().join("etcd")).unwrap_or(0));
    let name = theirs.as_ref().map_or("etcd", |server| server.version.as_str());
    println!(
        "launchway's store in process, {name} over gRPC; values of {VALUE} bytes; median of {RUNS} runs\n"
    );

    println!(
        "{:<24}{:>14}{:>22}{:>14}{:>22}{:>8}",
        "durable puts", "ours/s", "p50 / p99", "etcd/s", "p50 / p99", "ratio"
    );
    for &clients in CLIENTS {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            own.push(put_ours(&ours, clients, time).await?);
            if let Some(server) = &theirs {
                other.push(put_theirs(server, clients, time).await?);
            }
        }
        row(&format!("{clients} clients"), &median(own), (!other.is_empty()).then(|| median(other)).as_ref());
    }
    reads(&ours, theirs.as_ref(), time).await?;

    println!("\nempty on disk: ours {} KiB, etcd {} KiB", sizes.0 >> 10, sizes.1 >> 10);
    Ok(())
}

fn row(what: &str, own: &Sample, other: Option<&Sample>) {
    let spread =
        |sample: &Sample| format!("{} / {}", human(sample.percentile(50.0)), human(sample.percentile(99.0)));
    let (their_rate, their_spread, ratio) = other.map_or_else(Default::default, |other| {
        (format!("{:.0}", other.rate()), spread(other), format!("{:.1}x", own.rate() / other.rate()))
    });
    println!("{what:<24}{:>14.0}{:>22}{their_rate:>14}{their_spread:>22}{ratio:>8}", own.rate(), spread(own));
}

fn key(client: usize, number: u64) -> String {
    format!("/registry/bench/{client}/{}", number % KEYS)
}

async fn put_ours(store: &Store, clients: usize, time: Duration) -> Result<Sample, Failure> {
    load(clients, |client| {
        let store = store.clone();
        let value = bytes::Bytes::from(vec![b'v'; VALUE]);
        tokio::spawn(async move {
            repeat(time, |number| {
                let payload = Payload::Plain(value.clone());
                let put = Op::Put { key: key(client, number), payload, expect: Expect::Any, lease: None };
                let store = &store;
                async move { store.commit(vec![put]).await.map(drop).map_err(Failure::from) }
            })
            .await
        })
    })
    .await
}

async fn put_theirs(server: &etcd::Server, clients: usize, time: Duration) -> Result<Sample, Failure> {
    let mut connections = Vec::new();
    for _ in 0..clients.div_ceil(PER_CONNECTION) {
        connections.push(server.connect().await?);
    }
    load(clients, |client| {
        let connection = connections[client % connections.len()].clone();
        let value = Arc::new(vec![b'v'; VALUE]);
        tokio::spawn(async move {
            repeat(time, |number| {
                let (connection, value) = (&connection, value.clone());
                async move { connection.put(key(client, number).as_bytes(), &value).await }
            })
            .await
        })
    })
    .await
}

/// Runs a number of clients and joins what they measured.
async fn load(
    clients: usize,
    start: impl Fn(usize) -> tokio::task::JoinHandle<Result<Vec<Duration>, Failure>>,
) -> Result<Sample, Failure> {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..clients).map(start).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(Sample::new(latencies, begin.elapsed()))
}

async fn reads(ours: &Store, theirs: Option<&etcd::Server>, time: Duration) -> Result<(), Failure> {
    let value = vec![b'v'; VALUE];
    let list_key = |number: usize| format!("/registry/list/{number:05}");
    let puts = (0..LISTED).map(|number| Op::Put {
        key: list_key(number),
        payload: Payload::Plain(value.clone().into()),
        expect: Expect::Any,
        lease: None,
    });
    ours.commit(puts.collect()).await?;
    let connection = match theirs {
        Some(server) => Some(server.connect().await?),
        None => None,
    };
    if let Some(connection) = &connection {
        for number in 0..LISTED {
            connection.put(list_key(number).as_bytes(), &value).await?;
        }
    }
    println!();
    let list = async || {
        let entries = ours.range("/registry/list/", None, 0, None)?.entries;
        if entries.len() == LISTED { Ok(()) } else { Err(Failure::from("the list is not complete")) }
    };
    let own = sample(repeat(time, |_| list()).await?);
    let other = match &connection {
        Some(connection) => {
            let list = async || {
                let bytes = connection.range(b"/registry/list/", b"/registry/list0").await?;
                if bytes > LISTED * VALUE {
                    Ok(())
                } else {
                    Err(Failure::from("etcd's list is not complete"))
                }
            };
            Some(sample(repeat(time, |_| list()).await?))
        }
        None => None,
    };
    row(&format!("list of {LISTED}"), &own, other.as_ref());

    let get = async |number: u64| match ours.get(&list_key(number as usize % LISTED)) {
        Some(_) => Ok(()),
        None => Err(Failure::from("a key is missing")),
    };
    let own = sample(repeat(time, get).await?);
    let other = match &connection {
        Some(connection) => {
            let get = async |number: u64| {
                connection.range(list_key(number as usize % LISTED).as_bytes(), b"").await.map(drop)
            };
            Some(sample(repeat(time, get).await?))
        }
        None => None,
    };
    row("get", &own, other.as_ref());
    Ok(())
}

/// One client's latencies: all the time that passed is in them.
fn sample(latencies: Vec<Duration>) -> Sample {
    let elapsed = latencies.iter().sum();
    Sample::new(latencies, elapsed)
}

/// Bytes of a folder's files as the disk counts them.
fn size(dir: &Path) -> Result<u64, std::io::Error> {
    let mut total = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let data = entry.metadata()?;
        let blocks = std::os::unix::fs::MetadataExt::blocks(&data) * 512;
        total += if data.is_dir() { size(&entry.path())? } else { blocks };
    }
    Ok(total)
}
