//! Logs of jobs: appended in batches, read by pages, bounded.

use crate::{Result, Store, error::doing};
use plimsoll_domain::{JobId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row, SqliteConnection, sqlite::SqliteRow};
use std::collections::{BTreeMap, btree_map::Entry};

/// How much of the logs is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPolicy {
    /// Most lines of one job; the oldest go first.
    pub lines_of_job: i64,
    /// Logs of jobs that ended longer ago than this are dropped, days.
    pub days: i64,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self {
            lines_of_job: 1_000_000,
            days: 90,
        }
    }
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step: u32,
    /// Its place in the job's log, from 1, without gaps; older lines may have been dropped.
    pub seq: i64,
    /// When it came.
    pub at: Timestamp,
    /// Where it came from, such as `build` or `stdout`.
    pub stream: String,
    /// The line, without its end.
    pub text: String,
}

/// Which lines of a log there are, by their numbers from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSize {
    /// The oldest line that is kept.
    pub first: u64,
    /// Lines that were logged.
    pub total: u64,
}

/// Lines that a search looks at first, and at most, in one question: so that none takes long, and a
/// search that nobody wants any more ends soon.
const FIRST_SEARCHED: i64 = 2_000;
const MOST_SEARCHED: i64 = 32_000;

/// A line that is not yet in the log. Whoever makes one has cleaned it of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step: u32,
    /// When it came.
    pub at: Timestamp,
    /// Where it came from.
    pub stream: String,
    /// The line, without its end.
    pub text: String,
}

/// Lines that one statement inserts: what a statement costs is shared by so many.
const ROWS: usize = 100;

/// Where logs end: the numbers that their last lines have.
struct Ends {
    of_job: BTreeMap<JobId, i64>,
    of_step: BTreeMap<(JobId, u32), i64>,
}

impl Ends {
    /// The numbers of the next line: its place in the job's log and in its step's.
    fn next(&mut self, line: &NewLine) -> (i64, i64) {
        let one_more = |end: &mut i64| {
            *end += 1;
            *end
        };
        let of_step = self.of_step.entry((line.job_id, line.step)).or_insert(-1);
        let place = one_more(of_step);
        (one_more(self.of_job.entry(line.job_id).or_default()), place)
    }
}

/// Where the logs end to which these lines come.
async fn ends_of(connection: &mut SqliteConnection, lines: &[NewLine]) -> Result<Ends> {
    let mut ends = Ends {
        of_job: BTreeMap::new(),
        of_step: BTreeMap::new(),
    };
    for line in lines {
        let (job, step) = (line.job_id, line.step);
        if let Entry::Vacant(unknown) = ends.of_job.entry(job) {
            let end = "SELECT coalesce(max(seq), 0) FROM log_lines WHERE job_id = ?1";
            let end = sqlx::query_scalar(end).bind(job.to_string());
            let end = end.fetch_one(&mut *connection).await;
            unknown.insert(end.map_err(doing("append to a log"))?);
        }
        if let Entry::Vacant(unknown) = ends.of_step.entry((job, step)) {
            let end =
                "SELECT coalesce(max(place), -1) FROM log_lines WHERE job_id = ?1 AND step = ?2";
            let end = sqlx::query_scalar(end).bind(job.to_string()).bind(step);
            let end = end.fetch_one(&mut *connection).await;
            unknown.insert(end.map_err(doing("append to a log"))?);
        }
    }
    Ok(ends)
}

impl Store {
    /// Appends lines in one transaction and drops the oldest of a job that has too many.
    pub async fn append_lines(&self, lines: &[NewLine], policy: &LogPolicy) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        let mut ends = ends_of(&mut write.transaction, lines).await?;
        for rows in lines.chunks(ROWS) {
            let mut insert = QueryBuilder::new(
                "INSERT INTO log_lines (job_id, seq, step, at, stream, text, place) ",
            );
            insert.push_values(rows, |mut row, line| {
                let (seq, place) = ends.next(line);
                row.push_bind(line.job_id.to_string())
                    .push_bind(seq)
                    .push_bind(line.step)
                    .push_bind(line.at.to_string())
                    .push_bind(&line.stream)
                    .push_bind(&line.text)
                    .push_bind(place);
            });
            // What is left over of a batch has a text of its own every time: nothing to keep.
            let insert = insert.build().persistent(rows.len() == ROWS);
            let inserted = insert.execute(&mut *write.transaction).await;
            inserted.map_err(doing("append to a log"))?;
        }
        for job in ends.of_job.keys() {
            sqlx::query(
                "DELETE FROM log_lines WHERE job_id = ?1 AND seq <= \
                 (SELECT max(seq) FROM log_lines WHERE job_id = ?1) - ?2",
            )
            .bind(job.to_string())
            .bind(policy.lines_of_job)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing("bound a log"))?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Lines of a job, or of one of its steps, after a place in its log, oldest first.
    pub async fn logs(
        &self,
        job: JobId,
        step: Option<u32>,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<LogLine>> {
        let rows = sqlx::query(
            "SELECT * FROM log_lines WHERE job_id = ?1 AND seq > ?2 \
             AND (?3 IS NULL OR step = ?3) ORDER BY seq LIMIT ?4",
        )
        .bind(job.to_string())
        .bind(after_seq)
        .bind(step)
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(doing("read a log"))?;
        lines(&rows)
    }

    /// The last lines of a job, or of one of its steps, oldest first.
    pub async fn log_tail(
        &self,
        job: JobId,
        step: Option<u32>,
        limit: u32,
    ) -> Result<Vec<LogLine>> {
        let rows = sqlx::query(
            "SELECT * FROM log_lines WHERE job_id = ?1 AND (?2 IS NULL OR step = ?2) \
             ORDER BY seq DESC LIMIT ?3",
        )
        .bind(job.to_string())
        .bind(step)
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(doing("read the end of a log"))?;
        let mut found = lines(&rows)?;
        found.reverse();
        Ok(found)
    }

    /// Which lines there are of a job, or of one of its steps.
    pub async fn log_size(&self, job: JobId, step: Option<u32>) -> Result<LogSize> {
        let sql = match step {
            None => {
                "SELECT (SELECT min(seq) - 1 FROM log_lines WHERE job_id = ?1), \
                 (SELECT max(seq) FROM log_lines WHERE job_id = ?1)"
            }
            Some(_) => {
                "SELECT (SELECT min(place) FROM log_lines WHERE job_id = ?1 AND step = ?2), \
                 (SELECT max(place) + 1 FROM log_lines WHERE job_id = ?1 AND step = ?2)"
            }
        };
        let (first, total): (Option<i64>, Option<i64>) = sqlx::query_as(sql)
            .bind(job.to_string())
            .bind(step)
            .fetch_one(&mut *self.reader().await?)
            .await
            .map_err(doing("measure a log"))?;
        Ok(LogSize {
            first: natural(first),
            total: natural(total),
        })
    }

    /// Up to `count` lines of a job, or of one of its steps, from the number `from` on.
    pub async fn log_window(
        &self,
        job: JobId,
        step: Option<u32>,
        from: u64,
        count: u32,
    ) -> Result<Vec<LogLine>> {
        let sql = match step {
            None => "SELECT * FROM log_lines WHERE job_id = ?1 AND seq > ?3 ORDER BY seq LIMIT ?4",
            Some(_) => {
                "SELECT * FROM log_lines WHERE job_id = ?1 AND step = ?2 AND place >= ?3 \
                 ORDER BY place LIMIT ?4"
            }
        };
        let rows = sqlx::query(sql)
            .bind(job.to_string())
            .bind(step)
            .bind(whole(from))
            .bind(count)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("read a log"))?;
        lines(&rows)
    }

    /// The number of the nearest line that contains a text, whatever the case of its ASCII letters;
    /// the line `from` included. Dropping the future ends the search after the piece that is being
    /// looked at.
    pub async fn log_search(
        &self,
        job: JobId,
        step: Option<u32>,
        text: &str,
        from: u64,
        older: bool,
    ) -> Result<Option<u64>> {
        let size = self.log_size(job, step).await?;
        if size.total == 0 {
            return Ok(None);
        }
        let last = size.total - 1;
        if (older && from < size.first) || (!older && from > last) {
            return Ok(None);
        }
        // Lines lie in the order of their `seq`: by the places of a step each of them would be looked
        // up on its own, which takes three times as long.
        let Some(begin) = self.seq_of(job, step, from.clamp(size.first, last)).await? else {
            return Ok(None);
        };
        let other = if older { size.first } else { last };
        let Some(end) = self.seq_of(job, step, other).await? else {
            return Ok(None);
        };
        let sql = if older {
            "SELECT seq, place FROM log_lines WHERE job_id = ?1 AND seq BETWEEN ?3 AND ?4 \
             AND (?2 IS NULL OR step = ?2) AND text LIKE ?5 ESCAPE '\\' ORDER BY seq DESC LIMIT 1"
        } else {
            "SELECT seq, place FROM log_lines WHERE job_id = ?1 AND seq BETWEEN ?3 AND ?4 \
             AND (?2 IS NULL OR step = ?2) AND text LIKE ?5 ESCAPE '\\' ORDER BY seq LIMIT 1"
        };
        let pattern = containing(text);
        let (mut at, mut piece) = (begin, FIRST_SEARCHED);
        while (older && at >= end) || (!older && at <= end) {
            let (low, high) = if older {
                (at.saturating_sub(piece - 1).max(end), at)
            } else {
                (at, at.saturating_add(piece - 1).min(end))
            };
            let found: Option<(i64, i64)> = sqlx::query_as(sql)
                .bind(job.to_string())
                .bind(step)
                .bind(low)
                .bind(high)
                .bind(&pattern)
                .fetch_optional(&mut *self.reader().await?)
                .await
                .map_err(doing("search a log"))?;
            if let Some((seq, place)) = found {
                return Ok(Some(match step {
                    None => natural(Some(seq - 1)),
                    Some(_) => natural(Some(place)),
                }));
            }
            at = if older { low - 1 } else { high + 1 };
            // What is near is found at once; what is far not by a thousand questions.
            piece = (piece * 2).min(MOST_SEARCHED);
        }
        Ok(None)
    }

    /// The `seq` of a line by its number, from 0, in its job's log or in its step's.
    async fn seq_of(&self, job: JobId, step: Option<u32>, number: u64) -> Result<Option<i64>> {
        let Some(step) = step else {
            return Ok(Some(whole(number) + 1));
        };
        sqlx::query_scalar(
            "SELECT seq FROM log_lines WHERE job_id = ?1 AND step = ?2 AND place = ?3",
        )
        .bind(job.to_string())
        .bind(step)
        .bind(whole(number))
        .fetch_optional(&mut *self.reader().await?)
        .await
        .map_err(doing("find a line of a log"))
    }

    /// Drops logs of jobs that ended long ago; answers how many lines went.
    pub async fn prune_logs(&self, policy: &LogPolicy) -> Result<u64> {
        let limit = self.now().plus_ms(-policy.days * 24 * 3_600_000);
        let done = sqlx::query(
            "DELETE FROM log_lines WHERE job_id IN \
             (SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at < ?1)",
        )
        .bind(limit.to_string())
        .execute(&self.inner.writer)
        .await
        .map_err(doing("drop old logs"))?;
        Ok(done.rows_affected())
    }
}

/// A pattern for what contains a text.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn natural(number: Option<i64>) -> u64 {
    number.map_or(0, |number| u64::try_from(number).unwrap_or(0))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX - 1)
}

fn lines(rows: &[SqliteRow]) -> Result<Vec<LogLine>> {
    let line = |row: &SqliteRow| -> std::result::Result<LogLine, sqlx::Error> {
        let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
        let job_id: String = row.try_get("job_id")?;
        let at: String = row.try_get("at")?;
        Ok(LogLine {
            job_id: job_id
                .parse()
                .map_err(|error: plimsoll_domain::InvalidId| decode(error.into()))?,
            step: row.try_get("step")?,
            seq: row.try_get("seq")?,
            at: at
                .parse()
                .map_err(|error: plimsoll_domain::time::InvalidTimestamp| decode(error.into()))?,
            stream: row.try_get("stream")?,
            text: row.try_get("text")?,
        })
    };
    rows.iter()
        .map(|row| line(row).map_err(doing("read a line of a log")))
        .collect()
}
