//! Terminals in the window, as somebody with a screen reader uses them.

use super::{Key, LATER, Window};
use std::time::{Duration, Instant};

impl Window {
    /// Waits for the terminal in sight and has it told to a screen reader. `group` is the heading
    /// under which its acts stand.
    pub async fn in_terminal(&self, group: &str) {
        self.sees_within("Connected", LATER).await;
        // Ctrl-K is the shell's in there; its keys are left by their own.
        self.press("Leave").await;
        self.choose("Tell the terminal to a screen reader", group)
            .await;
        let has_keys = "return document.activeElement?.classList
                            .contains('xterm-helper-textarea') === true";
        self.until("the terminal has the keys", has_keys, LATER)
            .await;
    }

    /// Types a line into the terminal that has the keys.
    pub async fn type_line(&self, line: &str) {
        self.keys(line).await;
        self.keys(Key::Enter).await;
    }

    /// What stands on the terminals' screens, as a screen reader would be told.
    pub async fn terminal(&self) -> String {
        let rows = "return [...document.querySelectorAll('.xterm-accessibility-tree > *')]
                        .map((row) => row.textContent).join('\\n')";
        let rows = self.script(rows, vec![]).await;
        rows.as_str().unwrap_or_default().replace('\u{a0}', " ")
    }

    /// Waits until the terminal shows a text.
    pub async fn terminal_shows(&self, text: &str) {
        let began = Instant::now();
        while !self.terminal().await.contains(text) {
            if began.elapsed() > LATER {
                let shown = self.terminal().await;
                self.fail(&format!("“{text}” is not on the screen: {shown}"))
                    .await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
