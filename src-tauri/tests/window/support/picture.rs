//! Pictures, as small as they can be.

use super::{Role, SOON, Window};
use std::time::Instant;

/// A picture of one point (GIF89a).
pub fn dot(color: [u8; 3]) -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0".to_vec();
    bytes.extend(color);
    bytes.extend(b"\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;");
    bytes
}

impl Window {
    /// Waits until a picture is drawn.
    pub async fn sees_picture(&self, name: &str) {
        let began = Instant::now();
        loop {
            let picture = self.find(Role::Image, name).await;
            let drawn = "return arguments[0].naturalWidth > 0";
            let picture = vec![picture.to_json().unwrap()];
            if self.script(drawn, picture).await == true {
                return;
            }
            if began.elapsed() > SOON {
                self.fail(&format!("{name} is not drawn")).await;
            }
        }
    }
}
