//! How the web view draws where there is no graphics processor.

/// Has WebKitGTK draw straight into memory where there is no graphics processor. Its usual way is
/// OpenGL, which the processor then has to play: the first page took it five times as long, and the
/// window 140 MB more (WebKitGTK 2.50, Mesa 22.3). To be called before another thread is begun.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn choose() {
    const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    let chosen = std::env::var_os(SWITCH).is_some();
    if !chosen && !has_graphics_processor(std::path::Path::new("/dev/dri")) {
        // SAFETY: this is the only thread, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(SWITCH, "1") };
    }
}

/// The other systems' web views choose well by themselves.
#[cfg(not(target_os = "linux"))]
pub fn choose() {}

/// Whether a driver offers to render: its node is called so by the kernel ("DRM render nodes",
/// <https://docs.kernel.org/gpu/drm-uapi.html#render-nodes>).
#[cfg(target_os = "linux")]
fn has_graphics_processor(devices: &std::path::Path) -> bool {
    let entries = std::fs::read_dir(devices).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .any(|name| name.to_string_lossy().starts_with("renderD"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_screen_without_a_render_node_has_no_graphics_processor() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_graphics_processor(&folder.path().join("dri")));
        std::fs::write(folder.path().join("card0"), "").unwrap();
        assert!(!has_graphics_processor(folder.path()));
        std::fs::write(folder.path().join("renderD128"), "").unwrap();
        assert!(has_graphics_processor(folder.path()));
    }
}
