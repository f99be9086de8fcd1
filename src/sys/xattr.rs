//! Extended attributes by descriptor (xattr(7)).

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// Values of user attributes larger than this do not exist (XATTR_SIZE_MAX).
const LARGEST: usize = 64 << 10;

/// Sets an attribute. User attributes need write permission on the file, whatever the descriptor was opened for.
pub(crate) fn set(fd: impl AsFd, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: a live descriptor, a C string and a buffer with its length.
    let r = unsafe {
        libc::fsetxattr(
            fd.as_fd().as_raw_fd(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    Errno::result(r).map(drop)
}

/// Returns an attribute's value; `None` when there is none, or the file system has no attributes.
pub(crate) fn get(fd: impl AsFd, name: &CStr) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = vec![0u8; 256];
    loop {
        // SAFETY: a live descriptor, a C string and a buffer with its length.
        let n = unsafe {
            libc::fgetxattr(
                fd.as_fd().as_raw_fd(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        match Errno::result(n) {
            Ok(n) => {
                value.truncate(n as usize);
                return Ok(Some(value));
            }
            Err(Errno::ERANGE) if value.len() < LARGEST => value.resize(LARGEST, 0),
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => return Ok(None),
            Err(e) => return Err(e),
        }
    }
}

/// Reads an attribute of what `path` names into `buffer`, a last link followed; `None` when there is none, it does not fit,
/// or the file system has no attributes. For descriptors of O_PATH, by way of their names in /proc.
pub(crate) fn get_by_path<'a>(
    path: &CStr,
    name: &CStr,
    buffer: &'a mut [u8],
) -> Result<Option<&'a [u8]>, Errno> {
    // SAFETY: C strings and a buffer with its length.
    let n = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    found(Errno::result(n).map(|n| n as usize), buffer)
}

fn found(length: Result<usize, Errno>, buffer: &[u8]) -> Result<Option<&[u8]>, Errno> {
    match length {
        Ok(n) => Ok(Some(&buffer[..n])),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP | Errno::ERANGE) => Ok(None),
        Err(e) => Err(e),
    }
}

/// As [`set`], by a path as [`get_by_path`]'s.
pub(crate) fn set_by_path(path: &CStr, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: C strings and a buffer with its length.
    let r = unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    Errno::result(r).map(drop)
}

/// struct xattr_args.
#[repr(C)]
struct Value {
    at: u64,
    size: u32,
    flags: u32,
}

/// As [`get_by_path`], of a descriptor of ours, also one of O_PATH, by its name in `descriptors`, our /proc/self/fd: a third
/// cheaper than a path. ENOSYS before Linux 6.13.
pub(crate) fn get_of<'a>(
    descriptors: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'a mut [u8],
) -> Result<Option<&'a [u8]>, Errno> {
    const GETXATTRAT: libc::c_long = 464;
    let room = Value {
        at: buffer.as_mut_ptr() as u64,
        size: buffer.len() as u32,
        flags: 0,
    };
    found(by_number(GETXATTRAT, descriptors, fd, name, &room), buffer)
}

/// As [`set_by_path`], of a descriptor as [`get_of`]'s.
pub(crate) fn set_of(
    descriptors: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    name: &CStr,
    value: &[u8],
) -> Result<(), Errno> {
    const SETXATTRAT: libc::c_long = 463;
    let value = Value {
        at: value.as_ptr() as u64,
        size: value.len() as u32,
        flags: 0,
    };
    by_number(SETXATTRAT, descriptors, fd, name, &value).map(drop)
}

fn by_number(
    call: libc::c_long,
    descriptors: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    name: &CStr,
    value: &Value,
) -> Result<usize, Errno> {
    let mut text = [0; 12];
    write!(&mut text[..11], "{}", fd.as_raw_fd()).expect("the longest number fits");
    let number = CStr::from_bytes_until_nul(&text).expect("zeroes behind it");
    // SAFETY: C strings, and a structure that tells of a buffer of the caller's, with its size.
    let n = unsafe {
        libc::syscall(
            call,
            descriptors.as_raw_fd(),
            number.as_ptr(),
            0,
            name.as_ptr(),
            std::ptr::from_ref(value),
            std::mem::size_of::<Value>(),
        )
    };
    Errno::result(n).map(|n| n as usize)
}

/// As [`remove`], by a path as [`get_by_path`]'s.
pub(crate) fn remove_by_path(path: &CStr, name: &CStr) -> Result<(), Errno> {
    // SAFETY: C strings.
    let r = unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) };
    match Errno::result(r) {
        Ok(_) | Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Removes an attribute; one that is not there is fine.
pub(crate) fn remove(fd: impl AsFd, name: &CStr) -> Result<(), Errno> {
    // SAFETY: a live descriptor and a C string.
    let r = unsafe { libc::fremovexattr(fd.as_fd().as_raw_fd(), name.as_ptr()) };
    match Errno::result(r) {
        Ok(_) | Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Returns the value of an attribute of `name` in the folder `at`, which is not opened; as [`get`].
pub(crate) fn get_at(
    at: impl AsFd,
    name: &CStr,
    attribute: &CStr,
) -> Result<Option<Vec<u8>>, Errno> {
    let path = below(at, name)?;
    let mut value = vec![0u8; LARGEST];
    // SAFETY: C strings and a buffer with its length.
    let n = unsafe {
        libc::lgetxattr(
            path.as_ptr(),
            attribute.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    match Errno::result(n) {
        Ok(n) => {
            value.truncate(n as usize);
            Ok(Some(value))
        }
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the names of all attributes of `name` in the folder `at`, which is not opened; as [`list`].
pub(crate) fn list_at(at: impl AsFd, name: &CStr) -> Result<Vec<CString>, Errno> {
    let path = below(at, name)?;
    // SAFETY: a C string and a buffer with its length.
    names(|buffer, len| unsafe { libc::llistxattr(path.as_ptr(), buffer, len) })
}

/// The same by a path as [`get_by_path`]'s.
pub(crate) fn list_by_path(path: &CStr) -> Result<Vec<CString>, Errno> {
    // SAFETY: a C string and a buffer with its length.
    names(|buffer, len| unsafe { libc::listxattr(path.as_ptr(), buffer, len) })
}

fn names(list: impl FnOnce(*mut libc::c_char, usize) -> isize) -> Result<Vec<CString>, Errno> {
    let mut names = [0u8; LARGEST];
    match Errno::result(list(names.as_mut_ptr().cast(), names.len())) {
        Ok(n) => Ok(split(&names[..n as usize])),
        Err(Errno::EOPNOTSUPP) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// A path for the calls that take no descriptor (getxattrat(2) came with Linux 6.13).
fn below(at: impl AsFd, name: &CStr) -> Result<CString, Errno> {
    let mut path = format!("/proc/self/fd/{}/", at.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    CString::new(path).map_err(|_| Errno::EINVAL)
}

fn split(names: &[u8]) -> Vec<CString> {
    let names = names.split(|b| *b == 0).filter(|name| !name.is_empty());
    names.filter_map(|name| CString::new(name).ok()).collect()
}

/// Returns the names of all attributes; none when the file system has no attributes.
#[cfg(test)]
pub(crate) fn list(fd: impl AsFd) -> Result<Vec<CString>, Errno> {
    let mut names = vec![0u8; 1024];
    loop {
        // SAFETY: a live descriptor and a buffer with its length.
        let n = unsafe {
            libc::flistxattr(
                fd.as_fd().as_raw_fd(),
                names.as_mut_ptr().cast(),
                names.len(),
            )
        };
        match Errno::result(n) {
            Ok(n) => {
                return Ok(split(&names[..n as usize]));
            }
            Err(Errno::ERANGE) if names.len() < LARGEST => names.resize(LARGEST, 0),
            Err(Errno::EOPNOTSUPP) => return Ok(Vec::new()),
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_comes_back_and_goes() {
        let file = tempfile();
        let long = vec![b'v'; 3000];
        match set(&file, c"user.coracle.test", &long) {
            Err(Errno::EOPNOTSUPP) => return, // a file system without them: nothing to see here
            other => other.unwrap(),
        }
        assert_eq!(get(&file, c"user.coracle.test").unwrap(), Some(long));
        assert!(
            list(&file)
                .unwrap()
                .contains(&c"user.coracle.test".to_owned())
        );
        remove(&file, c"user.coracle.test").unwrap();
        remove(&file, c"user.coracle.test").unwrap();
        assert_eq!(get(&file, c"user.coracle.test").unwrap(), None);
    }

    fn tempfile() -> std::fs::File {
        let path = std::env::temp_dir().join(format!("coracle-xattr-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file
    }
}
