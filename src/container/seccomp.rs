//! Seccomp profiles: docker's JSON (share/seccomp.json is the default one) to the program that the kernel loads.
//!
//! The default profile for docker's default capabilities is compiled ahead (share/seccomp-*.bpf, kept in step by a test),
//! so that an ordinary `run` reads no JSON; any other profile or set of capabilities is compiled when the plan is made.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Context, Error, Kind, Result};
use crate::sys::caps;
use crate::sys::seccomp::{Action, Answers, Arch, Rule, Test, assemble};

/// The default profile.
const DEFAULT: &str = include_str!("../../share/seccomp.json");

/// The default profile's program for [`super::security::DEFAULT_CAPABILITIES`] on this architecture.
#[cfg(target_arch = "x86_64")]
const COMPILED: &[u8] = include_bytes!("../../share/seccomp-x86_64.bpf");
#[cfg(target_arch = "aarch64")]
const COMPILED: &[u8] = include_bytes!("../../share/seccomp-aarch64.bpf");

/// What a profile's conditions are asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// Bounding set of the container.
    pub capabilities: u64,
    /// Kernel's major and minor version.
    pub kernel: (u32, u32),
    /// The machine's instruction set.
    pub arch: Arch,
}

/// Returns the program of the default profile.
pub(crate) fn default(facts: Facts) -> Result<Vec<u8>> {
    // Its one question about the kernel is 4.8, and every kernel we run on is newer.
    if facts.capabilities == super::security::DEFAULT_CAPABILITIES && facts.arch == Arch::native() {
        return Ok(COMPILED.to_vec());
    }
    compile(DEFAULT, facts)
}

/// Returns the program of a profile in docker's JSON.
pub(crate) fn compile(json: &str, facts: Facts) -> Result<Vec<u8>> {
    let profile: Profile =
        serde_json::from_str(json).context(Kind::Invalid, || "Decoding seccomp profile failed")?;
    let sets = profile.sets(facts.arch)?;
    let answers = sets
        .into_iter()
        .map(|arch| profile.answers(arch, facts))
        .collect::<Result<Vec<_>>>()?;
    assemble(&answers).ok_or_else(|| {
        Error::new(Kind::Invalid, "the seccomp profile is too large")
            .because("it compiles to more than the 4096 instructions that the kernel takes")
    })
}

/// A profile as docker writes it (moby, profiles/seccomp; OCI runtime-spec, config-linux.md "Seccomp").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u16>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    arch_map: Option<Vec<Family>>,
    #[serde(default)]
    syscalls: Option<Vec<Entry>>,
}

/// An instruction set and those that its machines also run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    architecture: String,
    #[serde(default)]
    sub_architectures: Option<Vec<String>>,
}

/// One answer to several calls.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Vec<String>,
    action: String,
    errno_ret: Option<u16>,
    #[serde(default)]
    args: Option<Vec<Argument>>,
    #[serde(default)]
    includes: Option<Condition>,
    #[serde(default)]
    excludes: Option<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

impl Profile {
    /// The instruction sets to judge, the machine's own first. Those of other machines are left out.
    fn sets(&self, native: Arch) -> Result<Vec<Arch>> {
        let mut named: Vec<&str> = Vec::new();
        match (&self.architectures, &self.arch_map) {
            (Some(a), Some(m)) if !a.is_empty() && !m.is_empty() => {
                return Err(Error::new(
                    Kind::Invalid,
                    "'architectures' and 'archMap' were specified in the seccomp profile, \
                     use either 'architectures' or 'archMap'",
                ));
            }
            (Some(list), _) if !list.is_empty() => named.extend(list.iter().map(String::as_str)),
            (_, Some(map)) => {
                let mine = map.iter().find(|f| arch(&f.architecture) == Some(native));
                named.extend(
                    mine.iter()
                        .flat_map(|f| f.sub_architectures.iter().flatten())
                        .map(String::as_str),
                );
            }
            _ => {}
        }
        let mut sets = vec![native];
        for set in named.into_iter().filter_map(arch) {
            if set.runs_on(native) && !sets.contains(&set) {
                sets.push(set);
            }
        }
        Ok(sets)
    }

    fn answers(&self, arch: Arch, facts: Facts) -> Result<Answers> {
        let otherwise = action(&self.default_action, self.default_errno_ret)?;
        let mut rules: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
        let mut last = None;
        for entry in self.syscalls.iter().flatten() {
            let rule = entry.rule()?;
            let is_wanted = entry.is_wanted(facts);
            // As runc: an entry that says the default again would only hide a later one.
            let is_default = rule.when.is_empty() && rule.action == otherwise;
            for nr in entry.names().filter_map(|n| arch.number(n)) {
                last = last.max(Some(nr));
                if is_wanted && !is_default {
                    rules.entry(nr).or_default().push(rule.clone());
                }
            }
        }
        rules
            .values_mut()
            .for_each(|list| put_unconditional_last(list));
        Ok(Answers {
            arch,
            rules,
            otherwise,
            last: last.unwrap_or(u32::MAX - 1),
            newer: newer(otherwise),
        })
    }
}

/// An entry without conditions on arguments answers only where none with conditions does.
fn put_unconditional_last(rules: &mut [Rule]) {
    rules.sort_by_key(|r| r.when.is_empty());
}

/// Calls newer than every one that the profile names: programs try them and need ENOSYS to fall back, a refusal
/// would break them (as runc does since 1.0.0-rc93, for profiles that refuse by default).
fn newer(otherwise: Action) -> Action {
    match otherwise {
        Action::Allow | Action::Log | Action::Trace(_) => otherwise,
        _ => Action::Errno(libc::ENOSYS as u16),
    }
}

impl Entry {
    fn names(&self) -> impl Iterator<Item = &str> {
        let old = Some(self.name.as_str()).filter(|n| !n.is_empty());
        old.into_iter().chain(self.names.iter().map(String::as_str))
    }

    fn rule(&self) -> Result<Rule> {
        let args = self.args.as_deref().unwrap_or_default();
        if args.len() > 6 {
            return Err(Error::new(
                Kind::Invalid,
                "a seccomp rule compares more than 6 arguments",
            ));
        }
        let when = args
            .iter()
            .map(Argument::test)
            .collect::<Result<Vec<_>>>()?;
        Ok(Rule {
            when,
            action: action(&self.action, self.errno_ret)?,
        })
    }

    fn is_wanted(&self, facts: Facts) -> bool {
        let has_caps =
            |c: &String| caps::number(c).is_some_and(|n| facts.capabilities & (1 << n) != 0);
        let is_here = |a: &String| a == go_name(facts.arch);
        let is_new_enough = |v: &String| version(v).is_none_or(|v| facts.kernel >= v);
        let yes = self.includes.as_ref().is_none_or(|c| {
            c.caps.iter().flatten().all(has_caps)
                && c.arches
                    .as_ref()
                    .is_none_or(|a| a.is_empty() || a.iter().any(is_here))
                && c.min_kernel.iter().all(is_new_enough)
        });
        let no = self.excludes.as_ref().is_some_and(|c| {
            c.caps.iter().flatten().any(has_caps)
                || c.arches.iter().flatten().any(is_here)
                || c.min_kernel.iter().any(is_new_enough)
        });
        yes && !no
    }
}

impl Argument {
    fn test(&self) -> Result<(u8, Test)> {
        if self.index > 5 {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "a seccomp rule compares argument {} of a system call",
                    self.index
                ),
            )
            .because("they are numbered 0 to 5"));
        }
        let test = match self.op.as_str() {
            "SCMP_CMP_EQ" => Test::Eq(self.value),
            "SCMP_CMP_NE" => Test::Ne(self.value),
            "SCMP_CMP_LT" => Test::Lt(self.value),
            "SCMP_CMP_LE" => Test::Le(self.value),
            "SCMP_CMP_GT" => Test::Gt(self.value),
            "SCMP_CMP_GE" => Test::Ge(self.value),
            "SCMP_CMP_MASKED_EQ" => Test::Masked {
                mask: self.value,
                value: self.value_two,
            },
            other => {
                let text = format!("string {other} is not a valid operator for seccomp");
                return Err(Error::new(Kind::Invalid, text));
            }
        };
        Ok((self.index, test))
    }
}

fn action(name: &str, number: Option<u16>) -> Result<Action> {
    let number = number.unwrap_or(libc::EPERM as u16);
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(number),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_TRACE" => Action::Trace(number),
        "SCMP_ACT_LOG" => Action::Log,
        other => {
            let text = format!("string {other} is not a valid action for seccomp");
            return Err(Error::new(Kind::Invalid, text));
        }
    })
}

fn arch(name: &str) -> Option<Arch> {
    Some(match name {
        "SCMP_ARCH_X86_64" => Arch::X86_64,
        "SCMP_ARCH_X86" => Arch::I386,
        "SCMP_ARCH_X32" => Arch::X32,
        "SCMP_ARCH_AARCH64" => Arch::Aarch64,
        "SCMP_ARCH_ARM" => Arch::Arm,
        _ => return None,
    })
}

/// The machine in the words of a profile's `arches`.
fn go_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::I386 => "x86",
        Arch::X32 => "x32",
        Arch::Aarch64 => "arm64",
        Arch::Arm => "arm",
    }
}

/// `4.8` or `6.18.44-debian` as numbers.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.splitn(3, ['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests;
