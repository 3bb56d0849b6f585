//! Inside the preview of a canvas: a page in a frame.

use super::{SOON, Window};
use serde_json::Value;
use std::time::{Duration, Instant};

impl Window {
    /// Waits until a script in the first frame of the page answers this.
    pub async fn in_frame(&self, script: &str, wanted: Value) {
        let began = Instant::now();
        loop {
            let told = self.ask_frame(script).await;
            if told.as_ref() == Some(&wanted) {
                return;
            }
            if began.elapsed() > SOON {
                self.fail(&format!("in the frame, {script} is {told:?}, not {wanted}"))
                    .await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a script in the frame answers; `None` while there is none, or one that is being replaced.
    async fn ask_frame(&self, script: &str) -> Option<Value> {
        self.driver().enter_frame(0).await.ok()?;
        let told = self.driver().execute(script, vec![]).await;
        self.driver().enter_default_frame().await.ok()?;
        Some(told.ok()?.json().clone())
    }
}
