//! A whole cluster from the release binary, as its user meets it: how long until it is ready and a pod answers, how
//! long a pod takes to run and to go, how long a new Service takes, and what the cluster costs when nothing happens.
//!
//! Everything is timed by a client outside, over TLS, on the same processors. The column of goals is what we want;
//! the column of the real thing is from another run on another day and only says what users are accustomed to.
//! Start times are those of an empty home whose images are imported but not yet unpacked.

mod instance;
mod pods;
mod process;
mod table;

use std::time::{Duration, Instant};

use instance::Instance;
use pods::{Pods, Stage, answer};
use process::{memory, shims, used};
use table::Table;

use crate::measure::{Failure, Sample, human, load_average};

/// Starts of an empty and of a stopped cluster.
const STARTS: usize = 3;
/// Pods one after another.
const PODS: usize = 40;
/// Pods at once, and how often.
const TOGETHER: usize = 30;
const ROUNDS: usize = 5;
/// Services one after another, and pods behind each.
const SERVICES: usize = 20;
const ENDPOINTS: usize = 10;
/// How long the cluster rests before it counts as idle.
const REST: Duration = Duration::from_secs(30);

/// Runs the benchmark; the cluster's idle state is watched for thirty times `time`, so that it
/// holds more than one renewal of the node's lease.
pub(crate) fn run(time: Duration) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = measure(time * 30) => done,
            // So that the cluster is deleted when somebody loses patience.
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    })
}

async fn measure(idle: Duration) -> Result<(), Failure> {
    let mut table = Table::default();
    let size = |path: &std::path::Path| std::fs::metadata(path).map(|data| data.len());
    let (mut instance, mut pods) = starts(&mut table).await?;
    table.row("size of the binary", megabytes(size(instance.binary())?), "", "594 MB in 10 programs");

    rest(&mut table, &instance, idle).await?;
    one_by_one(&mut table, &instance, &mut pods).await?;
    together(&mut table, &mut pods).await?;
    services(&mut table, &mut pods).await?;
    exec(&mut table, &instance)?;
    let after = memory(instance.daemon()?)?;
    table.row("memory after this load, PSS", megabytes(after.proportional), "", "1012 MB with two nodes");

    drop(pods);
    table.row("cluster delete", human(instance.delete()?), "", "");
    table.print();
    println!("load after the run {}", load_average());
    Ok(())
}

/// Cold and warm starts; leaves a running cluster with one pod, `web`, behind one Service.
async fn starts(table: &mut Table) -> Result<(Instance, Pods), Failure> {
    let (mut imports, mut ready, mut first, mut cpu) = (vec![], vec![], vec![], vec![]);
    let mut last = None;
    for _ in 0..STARTS {
        drop(last.take());
        let instance = Instance::new()?;
        imports.push(instance.import_image()?);
        let begin = Instant::now();
        ready.push(instance.start()?);
        cpu.push(used(instance.daemon()?)?.cpu);
        let pods = Pods::watch(&instance.client().await?).await?;
        pods.create("web", "web").await?;
        let address = pods.expose("web", "web").await?;
        answer(address).await?;
        first.push(begin.elapsed());
        last = Some((instance, pods));
    }
    let (instance, pods) = last.ok_or("no start")?;
    table.row("import of the pods' image", human(middle(imports)), "", "");
    table.row("cold start until ready", human(middle(ready)), "", "5.5 s (nodes Ready)");
    table.row("cold start until a pod answers", human(middle(first)), "2 s", "13.7 s (by DNS name)");
    table.row("processor time until ready", human(middle(cpu)), "", "6.2 s");
    drop(pods);

    let (mut ready, mut first, mut stopped) = (vec![], vec![], vec![]);
    for round in 0..STARTS {
        stopped.push(instance.stop()?);
        let begin = Instant::now();
        ready.push(instance.start()?);
        let pods = Pods::watch(&instance.client().await?).await?;
        let name = format!("warm-{round}");
        pods.create(&name, &name).await?;
        answer(pods.expose(&name, &name).await?).await?;
        first.push(begin.elapsed());
        pods.hide(&name).await?;
        pods.delete(&name).await?;
    }
    table.row("stop, pods go on", human(middle(stopped)), "", "");
    table.row("warm start until ready", human(middle(ready)), "", "3.6 to 4.8 s");
    table.row("warm start until a new pod answers", human(middle(first)), "500 ms", "");
    let pods = Pods::watch(&instance.client().await?).await?;
    Ok((instance, pods))
}

/// What a cluster with one pod costs when nothing happens.
async fn rest(table: &mut Table, instance: &Instance, window: Duration) -> Result<(), Failure> {
    tokio::time::sleep(REST).await;
    let daemon = instance.daemon()?;
    let before = used(daemon)?;
    tokio::time::sleep(window).await;
    let after = used(daemon)?;
    let seconds = window.as_secs_f64();
    let share = (after.cpu - before.cpu).as_secs_f64() / seconds * 100.0;
    let held = memory(daemon)?;
    table.row("idle memory, anonymous", megabytes(held.anonymous), "", "426 MB with two nodes");
    table.row(
        "idle memory, PSS",
        megabytes(held.proportional),
        "80 MB",
        "532 MB control plane + 127 MB per node",
    );
    let shims = shims(&instance.home())?;
    let held = shims.iter().map(|pid| memory(*pid)).collect::<Result<Vec<_>, _>>()?;
    let each = |bytes: u64| format!("{:.2} MB", bytes as f64 / held.len().max(1) as f64 / 1e6);
    table.row(
        "memory of a pod's shim, anonymous / PSS",
        [held.iter().map(|held| held.anonymous).sum(), held.iter().map(|held| held.proportional).sum()]
            .map(each)
            .join(" / "),
        "",
        "5 / 12 MB",
    );
    table.row("idle processor time", format!("{share:.2} % of one"), "1 %", "10.5 % with two nodes");
    table.row("idle wake-ups", format!("{:.1}/s", (after.wakes - before.wakes) as f64 / seconds), "", "");
    let written = (after.written - before.written) as f64 / 1e3 / seconds * 60.0;
    table.row("idle disk writes", format!("{written:.0} kB/min"), "0", "3000 kB/min");
    Ok(())
}

/// Pods created and deleted one after another.
async fn one_by_one(table: &mut Table, instance: &Instance, pods: &mut Pods) -> Result<(), Failure> {
    let (mut posted, mut placed, mut running, mut gone) = (vec![], vec![], vec![], vec![]);
    let daemon = instance.daemon()?;
    let before = used(daemon)?;
    for number in 0..PODS {
        let name = format!("one-{number}");
        let begin = Instant::now();
        pods.create(&name, "one").await?;
        posted.push(begin.elapsed());
        let seen = pods.reached(std::slice::from_ref(&name), &[Stage::Scheduled, Stage::Running]).await?;
        let at = |stage| seen[&(name.clone(), stage)] - begin;
        placed.push(at(Stage::Scheduled));
        running.push(at(Stage::Running));
        pods.answers(&name).await?;
        let begin = Instant::now();
        pods.delete(&name).await?;
        let seen = pods.reached(std::slice::from_ref(&name), &[Stage::Gone]).await?;
        gone.push(seen[&(name, Stage::Gone)] - begin);
    }
    let cpu = used(daemon)?.cpu - before.cpu;
    let spread = |latencies: Vec<Duration>| {
        let sample = Sample::new(latencies, Duration::ZERO);
        format!("{} / {}", human(sample.percentile(50.0)), human(sample.percentile(99.0)))
    };
    table.row("POST pod, p50 / p99", spread(posted), "", "8 / 36 ms");
    table.row("create to scheduled, p50 / p99", spread(placed), "", "16 / 97 ms");
    table.row("create to Running, p50 / p99", spread(running), "60 / 300 ms", "640 ms / 2 to 3 s");
    table.row("delete to gone, p50 / p99", spread(gone), "100 ms", "940 ms / 2.8 to 6.1 s");
    table.row("daemon's processor time per pod", human(cpu / PODS as u32), "", "");
    Ok(())
}

/// Many pods in one instant, deleted in one call.
async fn together(table: &mut Table, pods: &mut Pods) -> Result<(), Failure> {
    let (mut first, mut last, mut gone) = (vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let names: Vec<String> = (0..TOGETHER).map(|number| format!("many-{round}-{number}")).collect();
        let begin = Instant::now();
        futures::future::try_join_all(names.iter().map(|name| pods.create(name, "many"))).await?;
        let seen = pods.reached(&names, &[Stage::Running]).await?;
        first.extend(seen.values().min().map(|at| *at - begin));
        last.extend(seen.values().max().map(|at| *at - begin));
        futures::future::try_join_all(names.iter().map(|name| pods.answers(name))).await?;
        let begin = Instant::now();
        pods.delete_all("many").await?;
        let seen = pods.reached(&names, &[Stage::Gone]).await?;
        gone.extend(seen.values().max().map(|at| *at - begin));
    }
    table.row(&format!("{TOGETHER} pods at once, first Running"), human(middle(first)), "", "3.4 to 5.2 s");
    table.row(&format!("{TOGETHER} pods at once, last Running"), human(middle(last)), "1 s", "6.0 to 7.5 s");
    table.row(
        &format!("{TOGETHER} pods deleted at once, last gone"),
        human(middle(gone)),
        "",
        "4.3 to 5.2 s",
    );
    Ok(())
}

/// From a Service's creation to the first answer through its address.
async fn services(table: &mut Table, pods: &mut Pods) -> Result<(), Failure> {
    let names: Vec<String> = (0..ENDPOINTS).map(|number| format!("end-{number}")).collect();
    futures::future::try_join_all(names.iter().map(|name| pods.create(name, "end"))).await?;
    pods.reached(&names, &[Stage::Running]).await?;
    futures::future::try_join_all(names.iter().map(|name| pods.answers(name))).await?;
    let mut latencies = vec![];
    for number in 0..SERVICES {
        let name = format!("service-{number}");
        let begin = Instant::now();
        answer(pods.expose(&name, "end").await?).await?;
        latencies.push(begin.elapsed());
        pods.hide(&name).await?;
    }
    pods.delete_all("end").await?;
    pods.reached(&names, &[Stage::Gone]).await?;
    let what = format!("new Service over {ENDPOINTS} pods until it answers");
    table.row(&what, human(middle(latencies)), "30 ms", "537 ms");
    Ok(())
}

/// `kubectl exec`, less what kubectl takes to start; left out without kubectl.
fn exec(table: &mut Table, instance: &Instance) -> Result<(), Failure> {
    let Some(kubectl) = std::env::var_os("KUBECTL") else {
        println!("  exec: not measured, KUBECTL does not name a kubectl");
        return Ok(());
    };
    let timed = |arguments: &[&str]| -> Result<Duration, Failure> {
        let mut latencies = vec![];
        for _ in 0..15 {
            let begin = Instant::now();
            let output = std::process::Command::new(&kubectl)
                .args(arguments)
                .env("KUBECONFIG", instance.kubeconfig())
                .output()?;
            if !output.status.success() {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("kubectl {}: {text}", arguments.join(" ")).into());
            }
            latencies.push(begin.elapsed());
        }
        Ok(middle(latencies))
    };
    let alone = timed(&["version", "--client"])?;
    let whole = timed(&["exec", "web", "--", "/pod", "pod", "true"])?;
    table.row("kubectl version --client", human(alone), "", "78 ms");
    table.row("kubectl exec", human(whole), "", "208 ms");
    table.row("exec without the start of kubectl", human(whole.saturating_sub(alone)), "20 ms", "130 ms");
    Ok(())
}

/// The median.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
