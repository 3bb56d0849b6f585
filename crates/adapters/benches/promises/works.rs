//! The work that is measured: a change, a rollback, a switch under load, a boot.

use crate::{
    Done,
    line::Line,
    load::Load,
    ours::Ours,
    peers::{Peer, Peers},
    samples::{Samples, Setting},
    served::Watcher,
    site::Site,
};
use plimsoll_lab::practice::Running;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// Round trips to the server under which everything is measured, ms.
const ROUND_TRIPS_MS: &[u64] = &[0, 40];
/// A round trip so long that what it adds, divided by it, counts the dependent ones exactly, ms.
const FAR_MS: u64 = 400;
/// What belongs to a switch: this long before it and after it.
const AROUND_A_SWITCH: Duration = Duration::from_millis(500);
/// What the side before may still have to tidy up.
const SETTLE: Duration = Duration::from_millis(500);
/// How long a release that is not kept warm may take to stop.
const STOPPED: Duration = Duration::from_secs(4);

const WARM: &str = "ours, warm";
const COLD: &str = "ours, new connection";

/// How often everything is done.
pub struct Rounds {
    round_trips_ms: &'static [u64],
    change: u32,
    /// Of the changes, how many the slow peers take part in.
    slow_change: u32,
    /// Changes over the long line.
    far: u32,
    rollback: u32,
    switch: u32,
    /// How long clients are watched with nothing happening, before and after each switch.
    steady: Duration,
    boot: u32,
}

impl Rounds {
    /// Enough for medians.
    pub const FULL: Self = Self {
        round_trips_ms: ROUND_TRIPS_MS,
        change: 7,
        slow_change: 3,
        far: 3,
        rollback: 7,
        switch: 10,
        steady: Duration::from_millis(1_500),
        boot: 2,
    };
    /// To see that everything works.
    pub const QUICK: Self = Self {
        round_trips_ms: &[0],
        change: 1,
        slow_change: 1,
        far: 0,
        rollback: 1,
        switch: 1,
        steady: Duration::from_millis(600),
        boot: 0,
    };
}

/// Both sides, prepared.
pub struct Bench {
    samples: Samples,
    rounds: Rounds,
    line: Arc<Line>,
    ours: Ours,
    peers: Peers,
    ours_at: Watcher,
    peers_at: Watcher,
    /// The last version of the sample application on each side.
    version: u32,
}

impl Bench {
    /// Prepares both sides.
    pub async fn prepare(
        running: &Running,
        folder: &Path,
        samples: Samples,
        rounds: Rounds,
    ) -> Done<Self> {
        let line = Arc::new(Line::default());
        eprintln!("Preparing a server for Plimsoll and one for the others");
        let (our_folder, their_folder) = (folder.join("ours"), folder.join("peers"));
        let (ours, peers) = tokio::try_join!(
            Ours::prepare(running, &line, &our_folder),
            Peers::prepare(running, &line, &their_folder),
        )?;
        Ok(Self {
            samples,
            rounds,
            line,
            ours_at: Watcher::start(ours.site.clone()),
            peers_at: Watcher::start(peers.site.clone()),
            ours,
            peers,
            version: 1,
        })
    }

    /// Does everything.
    pub async fn run(&mut self) -> Done {
        for &round_trip_ms in self.rounds.round_trips_ms {
            self.set_round_trip(round_trip_ms);
            for round in 0..self.rounds.change {
                self.change(
                    round_trip_ms,
                    Side::in_round(round, self.rounds.slow_change),
                )
                .await?;
            }
            self.rollbacks(round_trip_ms).await?;
            self.switches(round_trip_ms).await?;
        }
        self.set_round_trip(FAR_MS);
        for _ in 0..self.rounds.far {
            let sides = [Side::Peer(Peer::Floor), Side::Ours];
            self.change(FAR_MS, sides.into()).await?;
        }
        self.set_round_trip(0);
        self.idle().await?;
        self.boots().await
    }

    /// Leaves nothing behind.
    pub async fn end(self) -> Done {
        self.peers.end().await?;
        self.ours.end().await
    }

    fn set_round_trip(&self, round_trip_ms: u64) {
        self.line
            .set_round_trip(Duration::from_millis(round_trip_ms));
    }

    /// A change of one line, by every side in turn.
    async fn change(&mut self, round_trip_ms: u64, sides: Vec<Side>) -> Done {
        for side in sides {
            self.version += 1;
            let version = self.version;
            match side {
                Side::Ours => self.ours.make_ready(version)?,
                Side::OursAnew => {
                    self.ours.make_ready(version)?;
                    self.ours.reconnect().await?;
                }
                Side::Peer(peer) => self.peers.make_ready(peer, version).await?,
            }
            let setting = Setting {
                work: "change",
                side: side.name(),
                round_trip_ms,
            };
            sleep(SETTLE).await;
            let travelled = self.line.travelled();
            let click = Instant::now();
            let serves = match side {
                Side::Ours | Side::OursAnew => {
                    self.ours.deploy().await?;
                    &mut self.ours_at
                }
                Side::Peer(peer) => {
                    self.peers.release(peer, version).await?;
                    &mut self.peers_at
                }
            };
            let done = click.elapsed();
            let travelled = self.line.travelled().since(travelled);
            let served = serves.since(version).await? - click;
            self.samples.time(&setting, "served_ms", served)?;
            self.samples.time(&setting, "done_ms", done)?;
            self.samples
                .add(&setting, "up_bytes", travelled.up_bytes as f64)?;
            self.samples
                .add(&setting, "connections", travelled.connections as f64)?;
            if let Side::Peer(_) = side {
                self.peers.clear().await?;
            }
        }
        Ok(())
    }

    /// Back and forth between two releases: the floor and ours start a container, ours warm only
    /// switches.
    async fn rollbacks(&mut self, round_trip_ms: u64) -> Done {
        let setting = |side| Setting {
            work: "rollback",
            side,
            round_trip_ms,
        };
        let warm = self.two_of_ours(true).await?;
        for round in 0..self.rounds.rollback {
            sleep(SETTLE).await;
            self.roll_back(&setting(WARM), at(&warm, round), true)
                .await?;
        }
        let theirs = self.two_of_theirs().await?;
        let stopped = self.two_of_ours(false).await?;
        for round in 0..self.rounds.rollback {
            sleep(STOPPED).await;
            let (_, version) = at(&theirs, round);
            let click = Instant::now();
            self.peers.roll_back(version).await?;
            let served = self.peers_at.since(version).await? - click;
            self.samples
                .time(&setting(Peer::Floor.side()), "served_ms", served)?;
            self.peers.clear().await?;
            sleep(SETTLE).await;
            self.roll_back(&setting("ours, stopped"), at(&stopped, round), false)
                .await?;
        }
        self.ours.keep_warm(true).await
    }

    async fn roll_back(
        &mut self,
        setting: &Setting,
        (release, version): (u32, u32),
        warm: bool,
    ) -> Done {
        let click = Instant::now();
        let deployed = self.ours.roll_back(release).await?;
        let done = click.elapsed();
        let served = self.ours_at.since(version).await? - click;
        if deployed.reused_warm != warm {
            let kept = if warm { "stopped" } else { "kept warm" };
            return Err(
                format!("the earlier release was {kept}, against its service's spec").into(),
            );
        }
        self.samples.time(setting, "served_ms", served)?;
        self.samples.time(setting, "done_ms", done)?;
        self.samples
            .add(setting, "switch_us", deployed.switch_us as f64)
    }

    /// Two of our releases with their versions, the one that serves last.
    async fn two_of_ours(&mut self, warm: bool) -> Done<[(u32, u32); 2]> {
        self.ours.keep_warm(warm).await?;
        for _ in 0..2 {
            self.version += 1;
            self.ours.make_ready(self.version)?;
            self.ours.deploy().await?;
        }
        let [older, newest] = self.ours.last_two().await?;
        self.ours_at.since(self.version).await?;
        Ok([(older, self.version - 1), (newest, self.version)])
    }

    async fn two_of_theirs(&mut self) -> Done<[(u32, u32); 2]> {
        for _ in 0..2 {
            self.version += 1;
            self.peers.make_ready(Peer::Floor, self.version).await?;
            self.peers.release(Peer::Floor, self.version).await?;
            self.peers.clear().await?;
        }
        self.peers_at.since(self.version).await?;
        Ok([(0, self.version - 1), (0, self.version)])
    }

    /// Switches while strict clients work: ours between two warm releases, so that nothing but
    /// the switch happens; ours with a whole deployment; and the peers', which reload nginx.
    async fn switches(&mut self, round_trip_ms: u64) -> Done {
        let setting = |side| Setting {
            work: "switch",
            side,
            round_trip_ms,
        };
        let releases = self.two_of_ours(true).await?;
        let load = Load::start(&self.near(&self.ours.site).await?);
        let mut switches = Vec::new();
        for round in 0..self.rounds.switch {
            sleep(self.rounds.steady).await;
            let (release, version) = at(&releases, round);
            self.ours.roll_back(release).await?;
            switches.push(self.ours_at.since(version).await?);
            sleep(self.rounds.steady).await;
        }
        self.judge(&setting(WARM), load, &switches).await?;

        let load = Load::start(&self.near(&self.ours.site).await?);
        let mut switches = Vec::new();
        for _ in 0..self.rounds.switch.div_ceil(3) {
            self.version += 1;
            self.ours.make_ready(self.version)?;
            self.ours.deploy().await?;
            switches.push(self.ours_at.since(self.version).await?);
            sleep(self.rounds.steady).await;
        }
        self.judge(&setting("ours, deployment"), load, &switches)
            .await?;

        let load = Load::start(&self.near(&self.peers.site).await?);
        let mut switches = Vec::new();
        for _ in 0..self.rounds.switch.div_ceil(3) {
            self.version += 1;
            self.peers.make_ready(Peer::Floor, self.version).await?;
            self.peers.release(Peer::Floor, self.version).await?;
            switches.push(self.peers_at.since(self.version).await?);
            sleep(self.rounds.steady).await;
        }
        self.judge(&setting("nginx -s reload"), load, &switches)
            .await?;
        self.peers.clear().await
    }

    async fn judge(&mut self, setting: &Setting, load: Load, switches: &[Instant]) -> Done {
        let seen = load.end().await?;
        let around = |moment: Instant| {
            let begin = moment.checked_sub(AROUND_A_SWITCH).unwrap_or(moment);
            begin..=moment + AROUND_A_SWITCH
        };
        let (during, steady): (Vec<_>, Vec<_>) = seen.answers().partition(|(began, _)| {
            switches
                .iter()
                .any(|switch| around(*switch).contains(began))
        });
        let took = |answers: Vec<(Instant, Duration)>| -> Vec<Duration> {
            answers.into_iter().map(|(_, took)| took).collect()
        };
        for failure in seen.failures().iter().take(5) {
            eprintln!("  a request failed: {failure}");
        }
        self.samples
            .add(setting, "switches", switches.len() as f64)?;
        self.samples
            .add(setting, "requests", seen.requests() as f64)?;
        self.samples
            .add(setting, "failures", seen.failures().len() as f64)?;
        self.samples.times(setting, "steady_ms", &took(steady))?;
        self.samples.times(setting, "switch_ms", &took(during))
    }

    /// The near end of the line to a site.
    async fn near(&self, site: &Site) -> Done<Site> {
        Ok(site.at(self.line.forward(site.address()).await?))
    }

    async fn idle(&mut self) -> Done {
        // What the last deployment needed has been given back by then.
        sleep(STOPPED).await;
        let setting = Setting {
            work: "idle",
            side: "ours",
            round_trip_ms: 0,
        };
        let memory = self.ours.agent_memory_bytes().await?;
        self.samples.add(&setting, "memory_bytes", memory as f64)
    }

    /// From the click until a server can be deployed to.
    async fn boots(&mut self) -> Done {
        let setting = |side| Setting {
            work: "boot",
            side,
            round_trip_ms: 0,
        };
        if self.rounds.boot == 0 {
            return Ok(());
        }
        let click = Instant::now();
        self.ours.make_base_snapshot().await?;
        self.samples
            .time(&setting("making the snapshot"), "ready_ms", click.elapsed())?;
        for round in 0..self.rounds.boot {
            for (side, name, from_base) in [
                ("stock image", "stock", false),
                ("base snapshot", "base", true),
            ] {
                let click = Instant::now();
                let server = self
                    .ours
                    .boot(&format!("{name}-{round}"), from_base)
                    .await?;
                self.samples
                    .time(&setting(side), "ready_ms", click.elapsed())?;
                self.ours.destroy(server).await?;
            }
        }
        Ok(())
    }
}

/// Who brings a change to a server.
#[derive(Clone, Copy)]
enum Side {
    /// Ours over the connection that is open.
    Ours,
    /// Ours, which has to connect first.
    OursAnew,
    Peer(Peer),
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Ours => WARM,
            Side::OursAnew => COLD,
            Side::Peer(peer) => peer.side(),
        }
    }

    /// Who takes part in a round.
    fn in_round(round: u32, slow_rounds: u32) -> Vec<Side> {
        let quick = [
            Side::Peer(Peer::Floor),
            Side::OursAnew,
            Side::Ours,
            Side::Peer(Peer::Rsync),
        ];
        let slow = [
            Side::Peer(Peer::DockerOverSsh),
            Side::Peer(Peer::SaveAndLoad),
        ];
        let slow = slow.into_iter().filter(|_| round < slow_rounds);
        quick.into_iter().chain(slow).collect()
    }
}

/// Which of two releases comes next: the older one first, as the newer one serves.
fn at(releases: &[(u32, u32); 2], round: u32) -> (u32, u32) {
    releases[if round.is_multiple_of(2) { 0 } else { 1 }]
}
