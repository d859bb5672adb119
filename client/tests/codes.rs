//! Codes that people compare: made, drawn, read back by another decoder, and compared whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod tiny_log;

use person::{Person, alice};
use plainsight_client::qr::{Colour, Qr};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::out_of_band::{ContactCode, SafetyNumber};

/// Pixels of a module.
const SCALE: usize = 6;

fn origin() -> Origin {
    Origin::parse(tiny_log::ORIGIN).unwrap()
}

/// What an independent decoder reads in a picture of modules.
fn decoded(width: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
    let side = width * SCALE;
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
        if is_dark(x / SCALE, y / SCALE) {
            0
        } else {
            255
        }
    });
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1, "one code is found");
    grids[0].decode().unwrap().1
}

/// The modules that a terminal shows as dark, from the characters alone.
fn decoded_terminal(lines: &[String]) -> String {
    let rows: Vec<Vec<char>> = lines.iter().map(|line| line.chars().collect()).collect();
    let width = rows[0].len();
    decoded(width, |x, y| match (rows[y / 2][x], y % 2) {
        ('█', _) | ('▀', 0) | ('▄', 1) => false,
        ('▀' | '▄' | ' ', _) => true,
        (other, _) => panic!("{other:?} is no part of a code"),
    })
}

/// The modules that a drawing paints, from its path alone.
fn decoded_svg(svg: &str) -> String {
    let side = svg.split("viewBox=\"0 0 ").nth(1).unwrap();
    let width: usize = side.split(' ').next().unwrap().parse().unwrap();
    let path = svg.split("<path d=\"").nth(1).unwrap();
    let path = path.split('"').next().unwrap();
    let mut dark = vec![false; width * width];
    for square in path.split('M').skip(1) {
        let place = square.strip_suffix("h1v1h-1z").unwrap();
        let (x, y) = place.split_once(' ').unwrap();
        dark[y.parse::<usize>().unwrap() * width + x.parse::<usize>().unwrap()] = true;
    }
    decoded(width, |x, y| dark[y * width + x])
}

#[test]
fn another_decoder_reads_what_is_drawn() {
    let code = "PSK1QYQQQQQQ0123456789ACDEFGHJKLMNPQRSTUVWXYZ0123456789ACDEFGHJKLMNPQRST";
    for text in [code, &"0123456789".repeat(6)] {
        let qr = Qr::encode(text).unwrap();
        assert_eq!(decoded_terminal(&qr.to_terminal(Colour::Plain)), text);
        assert_eq!(decoded_svg(&qr.to_svg()), text);
    }
    let coloured = Qr::encode("1").unwrap().to_terminal(Colour::Ansi);
    assert!(coloured.iter().all(|line| line.starts_with("\x1b[97;40m")));
    assert!(Qr::encode(&"x".repeat(5000)).is_err());
}

impl Person {
    /// Publishes keys of this person's own, and returns them.
    fn publish(&self, me: &str) -> KeySet {
        let token = self.path("token").display().to_string();
        let (code, text) = self.run(&["keys", "new", me, "--device", "phone"]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = self.run(&["keys", "publish", me, "--token-file", &token]);
        assert_eq!(code, 0, "{text}");
        let label = plainsight_client::label::typed(me).unwrap();
        self.served.log().latest_of(&label).unwrap()
    }

    fn verify_with(&self, code: &str) -> (i32, String) {
        self.run(&["contact", "verify", "alice@example.org", "--code", code])
    }

    fn state(&self) -> String {
        let (code, text) = self.run(&["contact", "list", "--json"]);
        assert_eq!(code, 0, "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["contacts"][0]["state"].as_str().unwrap().to_owned()
    }
}

#[test]
fn ones_own_contact_code_is_shown_drawn_and_is_of_ones_keys() {
    let person = Person::new();
    let own = person.publish("user:M\u{e9}");
    let svg = person.path("card.svg").display().to_string();
    let (code, text) = person.run(&["keys", "code", "--qr", "--svg", &svg]);
    assert_eq!(code, 0, "{text}");
    let expected = ContactCode::of(&origin(), &own).to_string();
    assert!(
        text.starts_with(&format!("CONTACT CODE: {expected}\n")),
        "{text}"
    );
    let lines: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with('█'))
        .map(str::to_owned)
        .collect();
    assert_eq!(decoded_terminal(&lines), expected.to_uppercase());
    let drawing = std::fs::read_to_string(&svg).unwrap();
    assert_eq!(decoded_svg(&drawing), expected.to_uppercase());
}

#[test]
fn a_contact_code_holds_through_rotations_and_not_through_a_reset() {
    let person = Person::new();
    let first = person.served.log().log_next(&alice(), "phone", true);
    let code = ContactCode::of(&origin(), &first).to_string();
    let (exit, text) = person.verify_with(&code);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("The code matches."), "{text}");
    assert!(!text.contains("Not checked: who holds"), "{text}");
    assert_eq!(person.state(), "code-verified");
    person.served.log().log_next(&alice(), "tablet", true);
    let (exit, text) = person.verify_with(&code.to_uppercase());
    assert_eq!(exit, 0, "the posted code is of version 0: {text}");
    assert!(text.contains("every version since is signed"), "{text}");
    person.served.log().log_next(&alice(), "ghost", false);
    person.served.log().log_next(&alice(), "ghost2", true);
    let (exit, text) = person.verify_with(&code);
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("version 2 is a reset"), "{text}");
    assert_eq!(
        person.state(),
        "code-verified",
        "what was compared stays as it was"
    );
    assert_eq!(person.run(&["contact", "verify", "alice@example.org"]).0, 5);
    assert_eq!(person.state(), "changed");
}

#[test]
fn a_code_never_half_matches() {
    let person = Person::new();
    let own = person.publish("me@example.org");
    let theirs = person.served.log().log_next(&alice(), "phone", true);
    let number = SafetyNumber::between(&origin(), &theirs, &own).unwrap();
    let digits = number.digits().to_owned();
    let other = if digits.ends_with('0') { "1" } else { "0" };
    let last = format!("{}{other}", &digits[..59]);
    let half = format!("{}{}", &digits[..30], &digits[..30]);
    for wrong in [&last, &half, &format!("{}{}", &digits[30..], &digits[..30])] {
        let (exit, text) = person.verify_with(wrong);
        assert_eq!(exit, 1, "{text}");
        assert!(text.contains("The code does not match."), "{text}");
        assert!(!text.to_lowercase().contains("half"), "{text}");
    }
    for not_whole in [&digits[..59], "psk1qyqqq", "12345", ""] {
        let (exit, text) = person.verify_with(not_whole);
        assert_eq!(exit, 2, "{not_whole:?}: {text}");
        assert!(text.contains("Nothing was compared"), "{text}");
    }
    let (exit, text) = person.run(&["contact", "list"]);
    assert_eq!(exit, 0);
    assert!(
        text.contains("none are pinned"),
        "a wrong code pins nothing: {text}"
    );
    let (exit, text) = person.run(&[
        "contact",
        "verify",
        "alice@example.org",
        "--code",
        &number.to_string(),
        "--in-person",
    ]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!(person.state(), "in-person");
    let (exit, text) = person.run(&["contact", "number", "alice@example.org"]);
    assert_eq!(exit, 0, "{text}");
    assert!(
        text.starts_with(&format!("SAFETY NUMBER: {number}\n")),
        "{text}"
    );
}

#[test]
fn a_code_of_a_version_that_the_log_hides_is_refuted() {
    let person = Person::new();
    person.served.log().log_next(&alice(), "phone", true);
    let later = person.served.log().log_next(&alice(), "tablet", true);
    let code = ContactCode::of(&origin(), &later).to_string();
    let hiding = Person::new();
    hiding.served.log().log_next(&alice(), "phone", true);
    let (exit, text) = hiding.verify_with(&code);
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("proves not to exist"), "{text}");
}

#[test]
fn what_was_compared_in_person_is_not_claimed_of_keys_that_came_after() {
    let person = Person::new();
    let first = person.served.log().log_next(&alice(), "phone", true);
    let code = ContactCode::of(&origin(), &first).to_string();
    let in_person = [
        "contact",
        "verify",
        "alice@example.org",
        "--code",
        &code,
        "--in-person",
    ];
    assert_eq!(person.run(&in_person).0, 0);
    let (exit, text) = person.run(&["contact", "verify", "alice@example.org"]);
    assert_eq!(exit, 0, "{text}");
    assert!(
        text.contains("you have checked before, in person"),
        "{text}"
    );
    person.served.log().log_next(&alice(), "tablet", true);
    assert_eq!(person.run(&["contact", "verify", "alice@example.org"]).0, 5);
    let (exit, text) = person.run(&["contact", "accept", "alice@example.org"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("by your word (log-verified)"), "{text}");
    assert!(
        text.contains("What you compared (in-person) was version 0, and every version since"),
        "{text}"
    );
    assert_eq!(person.state(), "log-verified");
    let (exit, text) = person.run(&["contact", "verify", "alice@example.org"]);
    assert_eq!(exit, 0, "{text}");
    assert!(
        text.contains("who holds these keys was not checked"),
        "{text}"
    );
}
