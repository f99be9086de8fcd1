//! Changes of a configuration in the words of a Dockerfile: `commit -c`, `import -c` (moby builder/dockerfile,
//! BuildFromConfig).

use crate::error::{Error, Kind, Result};
use crate::grammar::dockerfile::instruction::{Command, Health};
use crate::grammar::dockerfile::words::Lexer;
use crate::grammar::dockerfile::{Instruction, Lines, parse_trigger};
use crate::grammar::{port, units};
use crate::image::config::{ContainerConfig, Empty, Healthcheck};

/// What may be changed; docker's list.
const ALLOWED: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Applies the changes in their order. `Kind::Invalid` with docker's texts.
pub(crate) fn apply(config: &mut ContainerConfig, changes: &[String]) -> Result<()> {
    changes.iter().try_for_each(|change| one(config, change))
}

fn one(config: &mut ContainerConfig, change: &str) -> Result<()> {
    let invalid = |text: String| Error::new(Kind::Invalid, text);
    let keyword = change
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_uppercase();
    if !ALLOWED.contains(&keyword.as_str()) {
        return Err(invalid(format!("{keyword} is not a valid change command")));
    }
    let lines = Lines { first: 1, last: 1 };
    let step = parse_trigger(change, lines).map_err(|fault| invalid(fault.text))?;
    let env: Vec<(String, String)> = config
        .env
        .iter()
        .filter_map(|e| e.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let lexer = Lexer::default();
    let expand = |word: &str| Ok::<_, Error>(lexer.word(word, &env).map_err(invalid)?.text);
    match step.instruction {
        Instruction::Cmd(command) => config.cmd = words(config, command),
        // docker's rule: an empty one changes nothing
        Instruction::Entrypoint(command) => {
            config.entrypoint = words(config, command).or(config.entrypoint.take());
        }
        Instruction::Env(pairs, _) => {
            for (name, value) in pairs {
                set(&mut config.env, &expand(&name)?, &expand(&value)?);
            }
        }
        Instruction::Expose(ports) => {
            for port in ports {
                for key in port::parse_expose(&expand(&port)?)? {
                    config.exposed_ports.insert(key, Empty {});
                }
            }
        }
        Instruction::Healthcheck(health) => config.healthcheck = Some(healthcheck(health)),
        Instruction::Label(pairs, _) => {
            for (key, value) in pairs {
                config.labels.insert(expand(&key)?, expand(&value)?);
            }
        }
        Instruction::OnBuild(trigger) => config.on_build.push(trigger),
        Instruction::StopSignal(signal) => {
            let signal = expand(&signal)?;
            if units::signal(&signal).is_err() {
                return Err(invalid(format!("Invalid signal: {signal}")));
            }
            config.stop_signal = Some(signal);
        }
        Instruction::User(user) => config.user = expand(&user)?,
        Instruction::Volume(paths) => {
            for path in paths {
                config.volumes.insert(expand(&path)?, Empty {});
            }
        }
        Instruction::Workdir(path) => {
            config.working_dir = workdir(&config.working_dir, &expand(&path)?)
        }
        _ => return Err(invalid(format!("{keyword} is not a valid change command"))),
    }
    Ok(())
}

/// A command in either form; nothing at all clears.
fn words(config: &ContainerConfig, command: Command) -> Option<Vec<String>> {
    let shell = || {
        config
            .shell
            .clone()
            .unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
    };
    let words = match command.shell {
        true => [shell(), command.words].concat(),
        false => command.words,
    };
    (!words.is_empty()).then_some(words)
}

fn set(env: &mut Vec<String>, name: &str, value: &str) {
    let text = format!("{name}={value}");
    match env
        .iter_mut()
        .find(|e| e.split_once('=').is_some_and(|(known, _)| known == name))
    {
        Some(known) => *known = text,
        None => env.push(text),
    }
}

fn healthcheck(health: Health) -> Healthcheck {
    Healthcheck {
        test: health.test,
        interval: health.interval,
        timeout: health.timeout,
        start_period: health.start_period,
        start_interval: health.start_interval,
        retries: health.retries,
    }
}

/// Joins and cleans, as filepath.Join does.
fn workdir(old: &str, new: &str) -> String {
    let joined = match new.starts_with('/') {
        true => new.to_owned(),
        false => format!("/{old}/{new}"),
    };
    let mut names: Vec<&str> = Vec::new();
    for name in joined.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerConfig> {
        let mut config = ContainerConfig {
            env: vec!["PATH=/bin".to_owned()],
            working_dir: "/a".to_owned(),
            ..ContainerConfig::default()
        };
        let changes: Vec<String> = changes.iter().map(|c| (*c).to_owned()).collect();
        apply(&mut config, &changes)?;
        Ok(config)
    }

    /// docker 26: `commit -c ...`.
    #[test]
    fn instructions_change_the_configuration_as_dockers_do() {
        let c = changed(&[
            "CMD [\"a\",\"b\"]",
            "ENTRYPOINT e f",
            "ENV X=1 Y=$X PATH=$PATH:/x",
            "EXPOSE 80 53/udp",
            "LABEL k=v",
            "WORKDIR w/..",
            "USER 5",
            "VOLUME /v",
            "STOPSIGNAL 9",
            "ONBUILD RUN x",
            "HEALTHCHECK --interval=5s CMD true",
        ])
        .unwrap();
        assert_eq!(c.cmd.unwrap(), ["a", "b"]);
        assert_eq!(c.entrypoint.unwrap(), ["/bin/sh", "-c", "e f"]);
        assert_eq!(c.env, ["PATH=/bin:/x", "X=1", "Y="]);
        assert_eq!(
            c.exposed_ports.keys().collect::<Vec<_>>(),
            ["53/udp", "80/tcp"]
        );
        assert_eq!((c.working_dir.as_str(), c.user.as_str()), ("/a", "5"));
        assert_eq!(c.labels["k"], "v");
        assert!(c.volumes.contains_key("/v"));
        assert_eq!(c.on_build, ["RUN x"]);
        let health = c.healthcheck.unwrap();
        assert_eq!(
            (health.test[0].as_str(), health.interval),
            ("CMD-SHELL", 5_000_000_000)
        );
        assert_eq!(changed(&["CMD []"]).unwrap().cmd, None);
    }

    #[test]
    fn what_is_no_change_is_refused_in_dockers_words() {
        for (change, text) in [
            ("RUN x", "RUN is not a valid change command"),
            ("copy a b", "COPY is not a valid change command"),
            ("FOO x", "FOO is not a valid change command"),
            ("STOPSIGNAL FOO", "Invalid signal: FOO"),
        ] {
            assert_eq!(changed(&[change]).unwrap_err().to_string(), text);
        }
        assert!(changed(&["ENV"]).is_err());
    }
}
