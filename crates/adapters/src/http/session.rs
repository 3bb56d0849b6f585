//! The pipeline that every request passes: budget, exchange, judgement, retry.

use super::{
    answer::{Answer, Trouble},
    budget::{Budget, Limit},
    call::Call,
    client,
    scrub::scrub,
};
use plimsoll_domain::{Secret, server::Endpoint};
use plimsoll_engine::ports::{Clock, PortError};
use reqwest::header::{self, HeaderMap, HeaderValue};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use url::Url;

/// How often a repeatable request is sent at most.
const ATTEMPTS: u32 = 5;
/// How often the provider may refuse for the rate before we give up.
const REFUSALS: u32 = 5;
/// The first pause between attempts, milliseconds; doubles, with jitter, up to the longest.
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 15_000;
/// Longest that one call waits for the budget, milliseconds. Longer waits belong to the job that
/// called, which can show them and be cancelled.
const PATIENCE_MS: u64 = 90_000;
/// Largest answer that is read, bytes.
const LARGEST_BODY: usize = 32 << 20;

/// What is particular to a provider.
pub(crate) struct Service {
    /// Begins every code, such as `do`.
    pub(crate) prefix: &'static str,
    /// Name for people.
    pub(crate) name: &'static str,
    /// Public address.
    pub(crate) url: &'static str,
    /// Path below it.
    pub(crate) path: &'static str,
    /// Where tokens are made.
    pub(crate) tokens_at: &'static str,
    /// The budget of a token.
    pub(crate) limits: &'static [Limit],
    /// How long a refusal lasts that does not say so, milliseconds.
    pub(crate) refusal_ms: u64,
    /// The header that names a request.
    pub(crate) request_id: &'static str,
    /// What an answer that is no success says, in the provider's words.
    pub(crate) words: fn(&Answer) -> String,
    /// The failure behind an answer that is no success.
    pub(crate) refusal: fn(&Session, &Call, &Answer) -> PortError,
}

/// Connections by endpoint and budgets by token, shared by all callers.
pub struct Pool {
    clock: Arc<dyn Clock>,
    clients: Mutex<HashMap<String, reqwest::Client>>,
    budgets: Mutex<HashMap<blake3::Hash, Arc<Budget>>>,
}

impl Pool {
    /// An empty pool. One for a process: a second one would have budgets of its own.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            clients: Mutex::default(),
            budgets: Mutex::default(),
        })
    }

    /// The pool as one token sees it.
    pub(crate) fn session(
        self: &Arc<Self>,
        service: &'static Service,
        endpoint: &Endpoint,
        token: &Secret,
    ) -> Result<Session, Trouble> {
        let secrets: Vec<Secret> = std::iter::once(Secret::new(token.expose().trim()))
            .chain(client::endpoint_secrets(endpoint))
            .collect();
        let unusable = |why: String| Trouble::Unusable {
            code: "endpoint_invalid",
            why: scrub(&why, &secrets),
        };
        let base = client::base(endpoint, service.url, service.path).map_err(unusable)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose().trim()))
            .ok()
            .filter(|_| !token.expose().trim().is_empty())
            .ok_or_else(|| Trouble::Unusable {
                code: "unauthorized",
                why: "the token is empty or holds characters that no token has".to_owned(),
            })?;
        bearer.set_sensitive(true);
        Ok(Session {
            service,
            client: self.client(endpoint).map_err(unusable)?,
            budget: self.budget(service, &base, token),
            clock: Arc::clone(&self.clock),
            base,
            bearer,
            secrets,
        })
    }

    fn client(&self, endpoint: &Endpoint) -> Result<reqwest::Client, String> {
        let parts = (&endpoint.ca_pem, &endpoint.proxy);
        let key = serde_json::to_string(&parts).map_err(|e| e.to_string())?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = client::client(endpoint)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Providers count by token, so the same token in two accounts shares one budget.
    fn budget(&self, service: &'static Service, base: &Url, token: &Secret) -> Arc<Budget> {
        let mut hasher = blake3::Hasher::new();
        for part in [base.as_str(), token.expose().trim()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets
            .entry(hasher.finalize())
            .or_insert_with(|| Arc::new(Budget::new(service.limits)));
        Arc::clone(budget)
    }
}

/// One token at one endpoint.
pub(crate) struct Session {
    pub(crate) service: &'static Service,
    client: reqwest::Client,
    budget: Arc<Budget>,
    clock: Arc<dyn Clock>,
    base: Url,
    bearer: HeaderValue,
    secrets: Vec<Secret>,
}

impl Session {
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// A foreign text without our secrets.
    pub(crate) fn scrub(&self, call: &Call, text: &str) -> String {
        let all: Vec<Secret> = self.secrets.iter().chain(&call.secrets).cloned().collect();
        scrub(text, &all)
    }

    /// The host that is asked, for messages.
    pub(crate) fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or("?");
        self.base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Sends a request: waits for the budget, repeats what may be repeated, and hands back any
    /// answer that is the provider's last word (2xx, 3xx, 4xx without 429).
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Trouble> {
        let url = self.url(call)?;
        let (mut attempt, mut refusals, mut waited) = (1, 0, 0);
        loop {
            self.wait_for_budget(call, &mut waited).await?;
            let trouble = match self.exchange(call, url.clone()).await {
                Ok((answer, wait)) => match answer.status {
                    429 => {
                        refusals += 1;
                        let wait_ms = wait.unwrap_or(self.service.refusal_ms);
                        self.budget.close_for(wait_ms, self.clock.now().as_millis());
                        // A refusal was never handled, so even a POST may be sent again.
                        if refusals < REFUSALS {
                            continue;
                        }
                        return Err(Trouble::Spent {
                            wait_ms,
                            answer: Some(Box::new(answer)),
                        });
                    }
                    500..=599 => Trouble::Broken(Box::new(answer)),
                    200..=299 if !answer.text.is_empty() => Trouble::Unreadable(Box::new(answer)),
                    _ => return Ok(answer),
                },
                Err(trouble) => trouble,
            };
            let again = match &trouble {
                Trouble::Unusable { .. } | Trouble::Untrusted { .. } | Trouble::Spent { .. } => {
                    false
                }
                Trouble::Unreachable { .. } => true,
                Trouble::Lost { .. } | Trouble::Unreadable(_) | Trouble::Broken(_) => {
                    call.repeatable
                }
            };
            if !again || attempt >= ATTEMPTS {
                return Err(trouble);
            }
            tracing::debug!(attempt, doing = %call.doing, "asking {} again", self.service.name);
            self.pause(attempt).await;
            attempt += 1;
        }
    }

    /// Waits before the attempt after this one (from 1): exponential, with jitter.
    pub(crate) async fn pause(&self, attempt: u32) {
        let doubled = FIRST_PAUSE_MS.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        let most = doubled.min(LONGEST_PAUSE_MS);
        let mut random = [0u8; 2];
        self.clock.entropy(&mut random);
        // Between half and the whole: callers that failed together do not return together.
        let jitter = most / 2 * u64::from(u16::from_le_bytes(random)) / u64::from(u16::MAX);
        self.clock.sleep_ms(most / 2 + jitter).await;
    }

    async fn wait_for_budget(&self, call: &Call, waited: &mut u64) -> Result<(), Trouble> {
        while let Err(wait_ms) = self.budget.take(call.class, self.clock.now().as_millis()) {
            if waited.saturating_add(wait_ms) > PATIENCE_MS {
                return Err(Trouble::Spent {
                    wait_ms,
                    answer: None,
                });
            }
            tracing::info!(wait_ms, doing = %call.doing, "waiting for {}'s rate limit", self.service.name);
            self.clock.sleep_ms(wait_ms).await;
            *waited = waited.saturating_add(wait_ms);
        }
        Ok(())
    }

    fn url(&self, call: &Call) -> Result<Url, Trouble> {
        let mut url = self.base.clone();
        // The URL library drops such segments, and the request would hit the parent instead.
        let strays = call
            .path
            .iter()
            .any(|part| matches!(part.as_str(), "" | "." | ".."));
        let extended = !strays
            && url.path_segments_mut().is_ok_and(|mut segments| {
                segments.pop_if_empty().extend(&call.path);
                true
            });
        if !extended {
            return Err(Trouble::Unusable {
                code: "invalid",
                why: "an id or name in the request is empty or made of dots".to_owned(),
            });
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }

    /// One request and its answer, and for how many milliseconds the provider wants quiet.
    async fn exchange(&self, call: &Call, url: Url) -> Result<(Answer, Option<u64>), Trouble> {
        let lost = |error: &reqwest::Error| client::trouble(error, |text| self.scrub(call, text));
        let mut request = self
            .client
            .request(call.method.clone(), url)
            .header(header::AUTHORIZATION, self.bearer.clone())
            .header(header::ACCEPT, "application/json");
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|e| lost(&e))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let quiet = quiet_ms(&headers, status, self.clock.now().as_millis());
        if let Some(ms) = quiet {
            self.budget.close_for(ms, self.clock.now().as_millis());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| lost(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_BODY {
                return Err(Trouble::Lost {
                    words: "the answer is larger than 32 MiB".to_owned(),
                });
            }
        }
        let (json, text) = match serde_json::from_slice::<Value>(&body) {
            _ if body.is_empty() => (Value::Null, String::new()),
            Ok(json) => (json, String::new()),
            Err(_) => (
                Value::Null,
                self.scrub(call, &String::from_utf8_lossy(&body)),
            ),
        };
        let id = headers
            .get(self.service.request_id)
            .and_then(|value| value.to_str().ok());
        let id = id
            .map(str::to_owned)
            .or_else(|| json["request_id"].as_str().map(str::to_owned));
        let request_id = id.map(|id| self.scrub(call, &id));
        Ok((
            Answer {
                status,
                json,
                text,
                request_id,
            },
            quiet,
        ))
    }
}

/// For how many milliseconds the headers of an answer ask for quiet. `retry-after` is in seconds;
/// `ratelimit-reset` is a moment, judged by the provider's own `date`, as this machine's clock may
/// be wrong.
fn quiet_ms(headers: &HeaderMap, status: u16, now_ms: i64) -> Option<u64> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let ms = |seconds: i64| {
        u64::try_from(seconds.max(1))
            .ok()
            .map(|s| s.saturating_mul(1_000))
    };
    if status == 429
        && let Some(seconds) = number("retry-after")
    {
        return ms(seconds);
    }
    let spent = status == 429 || number("ratelimit-remaining") == Some(0);
    let reset = number("ratelimit-reset").filter(|_| spent)?;
    let date = headers
        .get(header::DATE)
        .and_then(|value| value.to_str().ok());
    let now = date.and_then(http_date).unwrap_or(now_ms / 1_000);
    ms(reset.saturating_sub(now)).filter(|_| reset > now)
}

/// Seconds since 1970 of an RFC 9110 §5.6.7 date, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<i64> {
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = MONTHS.find(month).filter(|at| at % 3 == 0)? / 3 + 1;
    let moment: plimsoll_domain::Timestamp = format!("{year}-{month:02}-{day:0>2}T{time}Z")
        .parse()
        .ok()?;
    Some(moment.as_millis() / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_date_of_the_web_is_read() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn retry_after_wins_over_the_reset() {
        let told = headers(&[("retry-after", "7"), ("ratelimit-reset", "99999999999")]);
        assert_eq!(quiet_ms(&told, 429, 0), Some(7_000));
        assert_eq!(quiet_ms(&told, 200, 0), None);
    }

    #[test]
    fn a_reset_is_judged_by_the_providers_clock() {
        let told = headers(&[
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "784111800"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        assert_eq!(quiet_ms(&told, 200, 1_790_000_000_000), Some(23_000));
        assert_eq!(
            quiet_ms(&headers(&[("ratelimit-remaining", "3")]), 200, 0),
            None
        );
    }
}
