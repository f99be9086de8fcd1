//! The container's network as its monitor has it: places chosen under the lock, ports bound, the relay forked, and what it
//! is told.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use super::program::fork_error;
use crate::container::etc_files::{self, Files};
use crate::container::plan::Plan;
use crate::error::{Context, Error, Kind, Result};
use crate::network::join;
use crate::network::plan::{Attachment, NetworkPlan, Program, Tool};
use crate::network::program;
use crate::network::relay::{self, Bound, Order, Places, Report, Setup};
use crate::store::Store;
use crate::store::containers::{PortBinding, State};
use crate::store::networks::Endpoint;
use crate::store::networks::members::Members;
use crate::store::paths::Paths;
use crate::sys::process::{self, Child};
use crate::sys::{self, inet, namespace};

/// A living relay.
pub(super) struct Net {
    control: OwnedFd,
    relay: Child,
    endpoints: Vec<Endpoint>,
    /// What a program that is the network gives the container.
    address: Option<IpAddr>,
    ports: Vec<(String, PortBinding)>,
    own_names: String,
    /// Where a program that is the network has its files.
    program: Option<PathBuf>,
    /// Files below /etc since the networks have changed.
    etc: Option<Files>,
}

/// Whether we are in the user namespace of another container already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// No.
    No,
    /// In that of a container whose namespaces are shared.
    Other,
}

/// Enters the user namespace of those who are on networks, or makes the first; chooses places; starts the relay, which goes
/// on beside us.
pub(super) fn begin(
    plan: &Plan,
    network: &NetworkPlan,
    paths: &Paths,
    entered: Entered,
) -> Result<Net> {
    let members = join::hold(paths, &network.attachments, &plan.id)?;
    // while we are who we are: root may have ports below 1024
    let ports = bind(plan, network, paths)?;
    let is_of_the_family = enter(&members, entered)?;
    if let Some(program) = &network.program {
        drop(members);
        return begin_program(plan, network, program, paths, ports);
    }
    let places = Places::choose(&members, network, &plan.id, is_of_the_family)?;
    let bound = bindings(&ports);
    let endpoints = places.endpoints();
    let (ours, theirs) = sys::socket::pair()?;
    let mut setup = Some(Setup {
        paths,
        container: (&plan.id, &plan.name),
        plan: network,
        members,
        places,
        ports,
        control: theirs,
    });
    // the lock of the list is the relay's too: it lets go of it when it is listed
    let relay = process::fork(0, || {
        if let Some(setup) = setup.take() {
            relay::main(setup);
        }
    })?;
    Ok(Net {
        control: ours,
        relay,
        endpoints,
        address: None,
        ports: bound,
        own_names: network.own_names.clone(),
        program: None,
        etc: None,
    })
}

/// Binds the published ports. Only when one is refused it is looked who else has it.
fn bind(plan: &Plan, network: &NetworkPlan, paths: &Paths) -> Result<Vec<Bound>> {
    let is_ours = |number: u16, protocol: &str| {
        let others = Store::open(paths.clone()).and_then(|store| store.containers().list());
        let has = |(inside, outside): (&String, &Vec<PortBinding>)| {
            let number = number.to_string();
            inside.ends_with(&format!("/{protocol}"))
                && outside.iter().any(|b| b.host_port == number)
        };
        let mut others = others.unwrap_or_default().into_iter();
        others.any(|found| found.is_running && found.state.ports.iter().any(has))
    };
    if !network.ports.is_empty() {
        // a range of a thousand is more than the usual soft limit
        inet::raise_descriptor_limit();
    }
    relay::bind(&network.ports, (&plan.name, &plan.id), &is_ours)
}

fn bindings(ports: &[Bound]) -> Vec<(String, PortBinding)> {
    let binding = |b: &Bound| PortBinding {
        host_ip: b.address().ip().to_string(),
        host_port: b.address().port().to_string(),
    };
    ports.iter().map(|b| (b.key(), binding(b))).collect()
}

/// The same with somebody else's program in the relay's place.
fn begin_program(
    plan: &Plan,
    network: &NetworkPlan,
    program: &Program,
    paths: &Paths,
    mut ports: Vec<Bound>,
) -> Result<Net> {
    if program.tool == Tool::Slirp4netns {
        ports.retain(|p| p.address().is_ipv4());
    }
    let bound = bindings(&ports);
    let (ours, theirs) = sys::socket::pair()?;
    let folder = paths.runtime.join("containers").join(&plan.id);
    let mut setup = Some(program::Setup {
        program,
        ports,
        folder: &folder,
        control: theirs,
    });
    let relay = process::fork(0, || {
        if let Some(setup) = setup.take() {
            program::main(setup);
        }
    })?;
    Ok(Net {
        control: ours,
        relay,
        endpoints: Vec::new(),
        address: match program.tool {
            // the host's own
            Tool::Pasta => sys::inet::source_for([192, 0, 2, 1].into()),
            Tool::Slirp4netns => Some([10, 0, 2, 100].into()),
        },
        ports: bound,
        own_names: network.own_names.clone(),
        program: Some(folder),
        etc: None,
    })
}

/// True when the gateways of others are open to us.
fn enter(members: &Members, entered: Entered) -> Result<bool> {
    let family = join::user_namespace(members);
    if entered == Entered::Other {
        let own = std::fs::File::open("/proc/self/ns/user")?;
        let same = |family: &OwnedFd| {
            let (a, b) = (nix::sys::stat::fstat(family), nix::sys::stat::fstat(&own));
            matches!((a, b), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
        };
        return Ok(family.as_ref().is_none_or(same));
    }
    if let Some(family) = family
        && namespace::enter(family.as_fd(), libc::CLONE_NEWUSER).is_ok()
    {
        return Ok(true);
    }
    namespace::become_root().map_err(fork_error)?;
    Ok(true)
}

impl Net {
    /// What is polled for the relay's end.
    pub(super) fn interest(&self) -> RawFd {
        self.control.as_raw_fd()
    }

    /// The networks have changed: later starts of the program have these files.
    pub(super) fn keep_files(&mut self, etc: Files) {
        self.etc = Some(etc);
    }

    /// Makes a plan's files below /etc those of today's networks, and tells the container's addresses and names.
    pub(super) fn complete(&self, etc: &mut Files) {
        if let Some(changed) = &self.etc {
            etc.clone_from(changed);
        }
        let own = etc_files::own_lines(&self.endpoints, &self.own_names);
        let given = self.address.map(|a| format!("{a}\t{}\n", self.own_names));
        for (_, hosts) in etc.iter_mut().filter(|(name, _)| name == "hosts") {
            *hosts += &own;
            *hosts += given.as_deref().unwrap_or_default();
        }
    }

    /// Writes down what the container has.
    pub(super) fn note(&self, state: &mut State) {
        state.networks = self.endpoints.clone();
        state.ports.clear();
        for (port, binding) in &self.ports {
            state
                .ports
                .entry(port.clone())
                .or_default()
                .push(binding.clone());
        }
    }

    /// Tells the relay that a program is being started; returns the socket that its first process gets.
    pub(super) fn plug(&self) -> Result<OwnedFd> {
        let (ours, theirs) = sys::socket::pair()?;
        self.order(&Order::Plug, Some(ours))?;
        Ok(theirs)
    }

    /// Plugs a program that runs: the last relay was killed.
    pub(super) fn plug_running(&self, program: i32) -> Result<()> {
        let socket = self.plug()?;
        let namespace = namespace::network_of(program)?;
        sys::socket::send(socket.as_fd(), b"n", &[namespace.as_fd()])?;
        match sys::socket::receive(socket.as_fd())? {
            Some(_) => Ok(()),
            None => Err(self
                .failure()
                .unwrap_or_else(|| Error::new(Kind::System, "the container's relay has ended"))),
        }
    }

    /// Whether it is somebody else's program.
    pub(super) fn is_program(&self) -> bool {
        self.program.is_some()
    }

    fn order(&self, order: &Order, fd: Option<OwnedFd>) -> Result<()> {
        let bytes = serde_json::to_vec(order).context(Kind::System, || "cannot write an order")?;
        let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
        // what is wrong with a relay that is gone, its report says
        let _ = sys::socket::send(self.control.as_fd(), &bytes, &fds);
        Ok(())
    }

    /// Returns why the network could not be made, if that is what is wrong.
    pub(super) fn failure(&self) -> Option<Error> {
        sys::fd::set_nonblocking(self.control.as_fd(), true).ok()?;
        let message = sys::socket::receive(self.control.as_fd());
        sys::fd::set_nonblocking(self.control.as_fd(), false).ok()?;
        match serde_json::from_slice(&message.ok()??.bytes).ok()? {
            Report::Failed(e) => Some(e),
            _ => None,
        }
    }

    /// Joins one more network.
    pub(super) fn connect(&mut self, attachment: Attachment) -> Result<()> {
        self.order(&Order::Connect(Box::new(attachment)), None)?;
        if let Report::Joined(endpoint) = self.answer()? {
            self.endpoints.push(endpoint);
        }
        Ok(())
    }

    /// Leaves a network.
    pub(super) fn disconnect(&mut self, network: &str) -> Result<()> {
        self.order(&Order::Disconnect(network.to_owned()), None)?;
        self.answer()?;
        self.endpoints.retain(|e| e.network_id != network);
        Ok(())
    }

    /// The store's runtime folder is another one, or was made anew: the relay is a member there.
    pub(super) fn follow(&self, runtime: &Path) {
        if self.program.is_none() {
            // of a relay that is gone nobody is a member
            let _ = self.order(&Order::Follow(runtime.to_owned()), None);
        }
    }

    /// Gives the published ports back to the host: whoever is told of the end may use them.
    pub(super) fn close_ports(&self) {
        if !self.ports.is_empty() && self.order(&Order::Close, None).is_ok() {
            // a relay that is gone has closed them too
            let _ = self.answer();
        }
    }

    fn answer(&self) -> Result<Report> {
        let gone = || Error::new(Kind::System, "the container's relay has ended");
        let message = sys::socket::receive(self.control.as_fd())?.ok_or_else(gone)?;
        match serde_json::from_slice(&message.bytes) {
            Ok(Report::Failed(e)) => Err(e),
            Ok(report) => Ok(report),
            Err(_) => Err(gone()),
        }
    }

    /// The relay has said something unasked, or is gone; true when it is gone.
    pub(super) fn has_ended(&self) -> bool {
        let message = sys::socket::receive(self.control.as_fd());
        if matches!(message, Ok(Some(_))) {
            return false;
        }
        // it ends now, or has ended
        let _ = process::wait(self.relay.pid);
        if let Some(folder) = &self.program {
            program::abandon(folder);
        }
        true
    }
}
