use super::members::{Member, Members};
use super::*;
use crate::store::scratch::Scratch;

fn create(s: &Scratch, name: &str, subnets: &[&str]) -> Result<Network> {
    create_beside(s, name, subnets, &[])
}

fn create_beside(s: &Scratch, name: &str, subnets: &[&str], routes: &[&str]) -> Result<Network> {
    let request = Request {
        name: name.to_owned(),
        subnets: subnets.iter().map(|t| (*t).to_owned()).collect(),
        ..Request::default()
    };
    let routes: Vec<Subnet> = routes.iter().map(|r| r.parse().unwrap()).collect();
    s.store.networks().create_beside(request, &routes)
}

#[test]
fn what_the_host_reaches_itself_is_left_to_it() {
    let s = Scratch::new();
    let first = |name: &str, routes: &[&str]| {
        let made = create_beside(&s, name, &[], routes).unwrap();
        made.pools[0].subnet.to_string()
    };
    assert_eq!(
        first("a", &["172.18.0.0/15", "172.20.5.0/24"]),
        "172.21.0.0/16"
    );
    assert_eq!(first("b", &["172.16.0.0/12"]), "192.168.0.0/20");
    let all = ["172.16.0.0/12", "192.168.0.0/16"];
    assert!(create_beside(&s, "c", &[], &all).is_err());
    // what is asked for is given
    create_beside(&s, "c", &["172.30.0.0/16"], &all).unwrap();
    // the default network, which nobody is on
    let networks = s.store.networks();
    let made = networks.made().unwrap();
    let placed = |routes: &[&str]| {
        let routes: Vec<Subnet> = routes.iter().map(|r| r.parse().unwrap()).collect();
        let [bridge, ..] = built_in();
        let pool = networks.placed(bridge, &routes, &made).pools[0].clone();
        format!("{} {}", pool.subnet, pool.gateway)
    };
    assert_eq!(placed(&["10.0.0.0/8"]), "172.17.0.0/16 172.17.0.1");
    assert_eq!(placed(&["172.17.0.0/16"]), "172.18.0.0/16 172.18.0.1");
    assert_eq!(
        placed(&all),
        "172.17.0.0/16 172.17.0.1",
        "there is no better one"
    );
}

#[test]
fn networks_get_dockers_next_free_pool() {
    let s = Scratch::new();
    let a = create(&s, "my", &[]).unwrap();
    assert_eq!(a.pools[0].subnet.to_string(), "172.18.0.0/16");
    assert_eq!(a.pools[0].gateway.to_string(), "172.18.0.1");
    create(&s, "b", &["172.19.4.0/24"]).unwrap();
    let c = create(&s, "c", &[]).unwrap();
    assert_eq!(c.pools[0].subnet.to_string(), "172.20.0.0/16");
    let names: Vec<_> = s.store.networks().list().unwrap();
    let names: Vec<_> = names.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["b", "bridge", "c", "host", "my", "none"]);
    assert_eq!(s.store.networks().find(&a.id[..10]).unwrap(), a);
    s.store.networks().remove(&a).unwrap();
    assert_eq!(
        s.store.networks().find("my").unwrap_err().kind(),
        Kind::NotFound
    );
}

/// Texts of docker 26.
#[test]
fn bad_networks_are_refused_in_dockers_words() {
    let s = Scratch::new();
    create(&s, "a", &[]).unwrap();
    for (name, subnets, want) in [
        (
            "a",
            &["10.9.0.0/16"][..],
            "network with name a already exists",
        ),
        (
            "b",
            &["172.17.0.0/24"],
            "Pool overlaps with other one on this address space",
        ),
        (
            "b",
            &["x"],
            "invalid network config:\ninvalid subnet x: invalid CIDR block notation",
        ),
        (
            "b",
            &["10.1.0.5/16"],
            "invalid network config:\ninvalid subnet 10.1.0.5/16: it should be 10.1.0.0/16",
        ),
        (
            "b",
            &["10.1.0.0/16", "10.1.1.0/24"],
            "multiple overlapping subnet configuration is not supported",
        ),
        (
            "b",
            &["10.1.0.0/16", "10.2.0.0/16"],
            "bridge driver doesn't support multiple subnets; give one --subnet of IPv4 and one of IPv6",
        ),
        (
            "bridge",
            &[],
            "operation is not permitted on predefined bridge network",
        ),
        ("", &[], "invalid network name: name is empty"),
    ] {
        assert_eq!(create(&s, name, subnets).unwrap_err().to_string(), want);
    }
    let gateway = s.store.networks().create(Request {
        name: "b".to_owned(),
        subnets: vec!["10.1.0.0/16".to_owned()],
        gateways: vec!["10.2.0.1".to_owned()],
        ..Request::default()
    });
    assert_eq!(
        gateway.unwrap_err().to_string(),
        "no matching subnet for gateway 10.2.0.1"
    );
    let alone = s.store.networks().create(Request {
        name: "b".to_owned(),
        gateways: vec!["10.2.0.1".to_owned()],
        ..Request::default()
    });
    assert_eq!(
        alone.unwrap_err().to_string(),
        "every ip-range or gateway must have a corresponding subnet"
    );
    let bridge = s.store.networks().find("bridge").unwrap();
    assert_eq!(
        s.store.networks().remove(&bridge).unwrap_err().to_string(),
        "bridge is a pre-defined network and cannot be removed"
    );
}

fn member(container: &str, network: &str, address: &str, process: i32, start: u64) -> Member {
    Member {
        container: container.to_owned(),
        name: container.to_owned(),
        endpoint: Endpoint {
            network_id: network.to_owned(),
            address: address.parse().ok(),
            ..Endpoint::default()
        },
        process,
        start,
        gateway: 3,
        rung: Rung::Tproxy,
    }
}

#[test]
fn addresses_of_the_living_are_not_given_away() {
    let s = Scratch::new();
    let own = std::process::id() as i32;
    let start = crate::sys::process::start_time(own).unwrap();
    let record = crate::store::containers::tests::record(&"a".repeat(64), "web");
    s.store.containers().create(&record).unwrap();
    let running = s.store.containers().hold(&record.id).unwrap();
    let mut members = Members::hold(s.store.paths()).unwrap();
    let [bridge, ..] = built_in();
    let pool = &bridge.pools[0];
    let free = |m: &Members, wanted: Option<&str>, last: Option<&str>| {
        let parse = |a: Option<&str>| a.map(|a| a.parse().unwrap());
        m.free(BRIDGE, pool, "new", parse(wanted), parse(last))
            .map(|a| a.to_string())
            .map_err(|e| e.to_string())
    };
    assert_eq!(free(&members, None, None).unwrap(), "172.17.0.2");
    members
        .replace(
            &record.id,
            vec![member(&record.id, BRIDGE, "172.17.0.2", own, start)],
        )
        .unwrap();
    members
        .replace("b", vec![member("b", BRIDGE, "172.17.0.3", own, start + 1)])
        .unwrap();
    // b is dead: another process has its pid
    assert_eq!(free(&members, None, None).unwrap(), "172.17.0.3");
    assert_eq!(
        free(&members, None, Some("172.17.0.9")).unwrap(),
        "172.17.0.9"
    );
    assert_eq!(
        free(&members, None, Some("172.17.0.2")).unwrap(),
        "172.17.0.3"
    );
    assert_eq!(
        free(&members, Some("172.17.5.5"), None).unwrap(),
        "172.17.5.5"
    );
    assert_eq!(
        free(&members, Some("172.17.0.2"), None).unwrap_err(),
        "Address already in use"
    );
    let held: std::net::IpAddr = "172.17.0.2".parse().unwrap();
    assert!(!members.is_parting(BRIDGE, "new", held));
    // an earlier start of its own
    assert!(members.is_parting(BRIDGE, &record.id, held));
    // its container ends before its relay does
    drop(running);
    assert!(members.is_parting(BRIDGE, "new", held));
    assert!(!members.is_parting("other", "new", held));
    assert_eq!(
        free(&members, Some("172.17.0.2"), None).unwrap(),
        "172.17.0.2"
    );
    assert_eq!(
        free(&members, Some("172.17.0.1"), None).unwrap_err(),
        "Address already in use"
    );
    assert!(
        free(&members, Some("10.0.0.1"), None)
            .unwrap_err()
            .contains("no configured subnet")
    );
    drop(members);
    let left = members::read(s.store.paths()).unwrap();
    assert_eq!(left.len(), 2, "the dead go with the next change");
}

#[test]
fn a_network_in_use_stays() {
    let s = Scratch::new();
    let a = create(&s, "a", &[]).unwrap();
    let own = std::process::id() as i32;
    let start = crate::sys::process::start_time(own).unwrap();
    let record = crate::store::containers::tests::record(&"c".repeat(64), "web");
    s.store.containers().create(&record).unwrap();
    let _running = s.store.containers().hold(&record.id).unwrap();
    let mut members = Members::hold(s.store.paths()).unwrap();
    members
        .replace(
            "c",
            vec![member(&record.id, &a.id, "172.18.0.2", own, start)],
        )
        .unwrap();
    let refused = s.store.networks().remove(&a).unwrap_err().to_string();
    let want = format!(
        "error while removing network: network a id {} has active endpoints",
        a.id
    );
    assert_eq!(refused, want);
}

#[test]
fn a_keeper_has_no_address_and_the_next_one_relieves_it() {
    let s = Scratch::new();
    let own = std::process::id() as i32;
    let start = crate::sys::process::start_time(own).unwrap();
    let mut members = Members::hold(s.store.paths()).unwrap();
    let last = member("a", BRIDGE, "172.17.0.2", own, start);
    let other = member("a", "other", "172.18.0.2", own, start);
    members
        .replace("a", vec![last.keeper(), other.keeper()])
        .unwrap();
    let pool = &built_in()[0].pools[0];
    let free = members.free(BRIDGE, pool, "b", None, None).unwrap();
    assert_eq!(free.to_string(), "172.17.0.2");
    assert_eq!(members.relieve(&[BRIDGE]), [], "it keeps another one");
    assert_eq!(members.relieve(&["other"]), [(own, start)]);
    assert!(members.list().is_empty());
    members.replace("a", vec![last]).unwrap();
    assert_eq!(members.relieve(&[BRIDGE]), [], "a container is no keeper");
}
