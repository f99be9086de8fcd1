//! Runs a filter as the kernel would, for tests.

use super::Arch;

/// Returns the filter's answer; panics when the program is not one that the kernel would take.
pub(crate) fn run(program: &[u8], arch: Arch, nr: u32, args: [u64; 6]) -> u32 {
    let mut data = Vec::with_capacity(64);
    data.extend(nr.to_ne_bytes());
    data.extend(arch.audit().to_ne_bytes());
    data.extend(0u64.to_ne_bytes());
    args.iter().for_each(|a| data.extend(a.to_ne_bytes()));
    let insns: Vec<&[u8]> = program.chunks(8).collect();
    let (mut pc, mut a) = (0usize, 0u32);
    loop {
        let i = insns[pc];
        let (code, jt, jf) = (u16::from_ne_bytes([i[0], i[1]]), i[2], i[3]);
        let k = u32::from_ne_bytes([i[4], i[5], i[6], i[7]]);
        pc += 1;
        let choice = |yes: bool| usize::from(if yes { jt } else { jf });
        match code {
            0x20 => {
                let at = k as usize;
                a = u32::from_ne_bytes(data[at..at + 4].try_into().unwrap());
            }
            0x54 => a &= k,
            0x05 => pc += k as usize,
            0x15 => pc += choice(a == k),
            0x25 => pc += choice(a > k),
            0x35 => pc += choice(a >= k),
            0x06 => return k,
            _ => panic!("instruction {code:#x}"),
        }
    }
}
