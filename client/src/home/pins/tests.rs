use super::*;
use crate::contact::{Change, Contact, ContactKeys, Standing};
use crate::own::OwnKeys;
use plainsight_specs::hash::Hash;
use plainsight_specs::lookup::Logged;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn label() -> Label {
    Label::email("a@example.org").unwrap()
}

fn key_set(device: &str) -> KeySet {
    let own = OwnKeys::create(label(), &[device.into()], now()).unwrap();
    own.pending().unwrap().key_set.clone()
}

fn pending(device: &str, before: PinState) -> PendingPin {
    PendingPin {
        key_set: key_set(device),
        signed: true,
        unconfirmed_until: None,
        before,
    }
}

#[test]
fn a_pin_survives_the_disk_and_is_of_its_contact_only() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let origin = Origin::parse("log.example").unwrap();
    assert_eq!(home.pin(&origin, &label()).unwrap(), None);
    assert!(home.pins(&origin).unwrap().is_empty());
    let mut pin = Pin::seen(key_set("phone"), now());
    pin.pending = Some(PendingPin {
        unconfirmed_until: Some(now().plus(5)),
        ..pending("tablet", PinState::InPerson)
    });
    home.keep_pin(&origin, &label(), &pin).unwrap();
    assert_eq!(home.pin(&origin, &label()).unwrap(), Some(pin.clone()));
    assert_eq!(home.pins(&origin).unwrap(), [(label(), pin)]);
    let other = Label::email("b@example.org").unwrap();
    let contacts = home.contacts_dir(&origin);
    std::fs::rename(
        contacts.join(label_file(&label())),
        contacts.join(label_file(&other)),
    )
    .unwrap();
    assert!(matches!(
        home.pin(&origin, &other),
        Err(HomeError::Damaged { .. })
    ));
    home.forget_pin(&origin, &other).unwrap();
    assert_eq!(home.pin(&origin, &other).unwrap(), None);
    home.forget_pin(&origin, &other).unwrap();
}

#[test]
fn only_what_is_pending_and_confirmed_is_accepted() {
    let mut pin = Pin::seen(key_set("phone"), now());
    let accept = |pin: &Pin, anyway| pin.clone().accept(now(), anyway);
    assert_eq!(accept(&pin, Anyway::Yes), Err(AcceptError::NothingPending));
    let until = now().plus(1);
    pin.pending = Some(PendingPin {
        signed: false,
        unconfirmed_until: Some(until),
        ..pending("tablet", PinState::InPerson)
    });
    assert_eq!(
        accept(&pin, Anyway::No),
        Err(AcceptError::Unconfirmed(until))
    );
    let accepted = accept(&pin, Anyway::Yes).unwrap();
    assert_eq!(
        accepted.state,
        PinState::LogVerified,
        "a reset is not what was compared in person"
    );
    assert_eq!(
        pin.clone().accept(until, Anyway::No),
        accept(&pin, Anyway::Yes).map(|pin| Pin {
            since: until,
            ..pin
        })
    );
}

#[test]
fn an_accepted_change_was_compared_by_nobody() {
    for before in [PinState::CodeVerified, PinState::InPerson] {
        let mut pin = Pin::vouched(key_set("phone"), before, now());
        pin.state = PinState::Changed;
        pin.pending = Some(pending("tablet", before));
        let accepted = pin.accept(now(), Anyway::No).unwrap();
        assert_eq!(accepted.state, PinState::LogVerified);
    }
}

#[test]
fn what_was_revoked_is_not_brought_back_by_a_look_up() {
    let revoked = Pin::seen(key_set("phone"), now()).revoke(now());
    let found = key_set("phone");
    let contact = Contact {
        label: label(),
        head: crate::reader::HeadSeen {
            origin: Origin::parse("log.example").unwrap(),
            head: TreeHead {
                size: TreeSize::new(9).unwrap(),
                root: Hash::ZERO,
            },
            fresh: now(),
            now: now(),
            epoch_ms: 0,
            vouchers: Vec::new(),
            silent: Vec::new(),
        },
        found: Some(ContactKeys {
            key_set: found,
            logged: Logged {
                position: LeafIndex::default(),
                no_later_than_ms: 0,
            },
        }),
        standing: Standing::Unchanged,
        reset: None,
    };
    for standing in [
        Standing::New,
        Standing::Unchanged,
        Standing::Changed(Change::Signed),
    ] {
        let contact = Contact {
            standing,
            ..contact.clone()
        };
        let after = Pin::after(Some(revoked.clone()), &contact, now());
        assert_eq!(after, Some(revoked.clone()));
    }
}
