//! How the program keeps the memory that it asks for.

/// Most separate heaps: threads beyond share them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: libc::c_int = 2;
/// Free bytes at a heap's end that are given back at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const GIVE_BACK: libc::c_int = 128 * 1024;

/// Has the C library give back what is free. By itself it makes up to eight heaps for each
/// processor, and keeps more in each the larger its largest piece ever was (`mallopt(3)`,
/// `M_ARENA_MAX` and `M_TRIM_THRESHOLD`); a window that rests shall not. To be called before another
/// thread is begun.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: both take plain numbers, and answer whether they were understood.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
        libc::mallopt(libc::M_TRIM_THRESHOLD, GIVE_BACK);
    }
}

/// Other C libraries do by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
