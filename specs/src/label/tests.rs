use proptest::prelude::*;

use super::*;

fn parse(kind: u8, rest: &[u8]) -> Result<Label, LabelError> {
    Label::parse(&[&[kind], rest].concat())
}

#[test]
fn canonical_labels_parse_to_themselves() {
    for (kind, bytes, shown) in [
        (
            LabelKind::Email,
            b"\x01alice@example.org".as_slice(),
            "e-mail alice@example.org",
        ),
        (LabelKind::Email, b"\x01!@~", "e-mail !@~"),
        (LabelKind::Phone, b"\x021234567", "phone +1234567"),
        (
            LabelKind::Phone,
            b"\x02123456789012345",
            "phone +123456789012345",
        ),
        (
            LabelKind::Uuid,
            b"\x04\x6b\xa7\xb8\x10\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8",
            "UUID 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        ),
        (LabelKind::Opaque, b"\x7f\x00", "opaque:00"),
    ] {
        let label = Label::parse(bytes).unwrap();
        assert_eq!(label.kind(), kind);
        assert_eq!(label.as_bytes(), bytes);
        assert_eq!(label.to_string(), shown);
        assert_eq!(kind.type_byte(), bytes[0]);
        assert_eq!(Label::from_typed(&label.display()), Ok(label));
    }
}

#[test]
fn has_2_to_255_bytes() {
    for got in [0, 1, 256, 300] {
        assert_eq!(
            Label::parse(&vec![0x7f; got]),
            Err(LabelError::Length { got })
        );
    }
    for length in [2, 255] {
        assert_eq!(
            Label::parse(&vec![0x7f; length]).unwrap().as_bytes().len(),
            length
        );
    }
    let longest = format!("{}@b", "a".repeat(252));
    assert!(Label::email(&longest).is_ok());
    assert_eq!(
        Label::email(&format!("a{longest}")),
        Err(LabelError::Length { got: 256 })
    );
    assert_eq!(Label::opaque(&[]), Err(LabelError::Length { got: 1 }));
}

#[test]
fn refuses_unknown_type_bytes() {
    let known = [0x01, 0x02, 0x03, 0x04, 0x7f];
    for found in (0..=255).filter(|byte| !known.contains(byte)) {
        assert_eq!(parse(found, b"a@b"), Err(LabelError::UnknownType { found }));
    }
}

#[test]
fn a_user_name_is_utf8_without_what_no_canonical_one_has() {
    let label = Label::user_name("zo\u{eb}").unwrap();
    assert_eq!(label.as_bytes(), b"\x03zo\xc3\xab");
    assert_eq!(label.display(), "user:zo\u{eb}");
    assert_eq!(Label::from_typed(&label.display()), Ok(label.clone()));
    assert_eq!(label.to_string(), "user name zo\u{eb}");
    for bad in [
        b"Zoe".as_slice(),
        b"a b",
        b"a@b",
        b"a\n",
        b"\0a",
        b"\x7f",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
    ] {
        assert_eq!(parse(0x03, bad), Err(LabelError::UserName), "{bad:?}");
    }
    assert_eq!(LabelError::UserName.blame(), Blame::Malformed);
}

#[test]
fn refuses_e_mail_that_is_not_canonical() {
    for bad in [
        b"Alice@example.org".as_slice(),
        b"alice@example.orG",
        b"alice",
        b"@example.org",
        b"alice@",
        b"@",
        b"a@b@c",
        b"a@@b",
        b"a @b",
        b" a@b",
        b"a@b ",
        b"a@b\n",
        b"a\0@b",
        b"a@\x7f",
        b"a@b\x80",
        "ä@b".as_bytes(),
    ] {
        assert_eq!(parse(0x01, bad), Err(LabelError::Email), "{bad:?}");
    }
}

#[test]
fn refuses_phone_numbers_that_are_not_canonical() {
    for bad in [
        b"123456".as_slice(),
        b"1234567890123456",
        b"0123456789",
        b"+1234567",
        b"123 4567",
        b"123-4567",
        b"1234567\n",
        b"12345a7",
        "１２３４５６７".as_bytes(),
    ] {
        assert_eq!(parse(0x02, bad), Err(LabelError::Phone), "{bad:?}");
    }
}

#[test]
fn refuses_uuids_of_another_length() {
    for length in [1, 15, 17, 32, 36] {
        assert_eq!(parse(0x04, &vec![b'a'; length]), Err(LabelError::Uuid));
    }
}

#[test]
fn typed_e_mail_is_lowered_and_nothing_else() {
    let label = Label::email("Alice+News@Example.ORG").unwrap();
    assert_eq!(label.as_bytes(), b"\x01alice+news@example.org");
    for bad in [" a@b", "a@b ", "a@b\n", "Ä@b", "ａ@b", "K@b\u{212a}", "a"] {
        assert_eq!(Label::email(bad), Err(LabelError::Email), "{bad:?}");
    }
}

#[test]
fn typed_phone_number_loses_one_plus_and_nothing_else() {
    let label = Label::phone("+491701234567").unwrap();
    assert_eq!(label.as_bytes(), b"\x02491701234567");
    assert_eq!(Label::phone("491701234567"), Ok(label));
    for bad in [
        "++491701234567",
        "+49 1701234567",
        "+49-1701234567",
        "(49)1701234567",
        "0049170123456",
        "+",
        "",
        "+49170123456７",
    ] {
        assert!(Label::phone(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn typed_uuid_has_one_form_in_either_case() {
    let label = Label::uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8").unwrap();
    assert_eq!(
        Label::uuid("6BA7B810-9dAD-11D1-80B4-00C04FD430C8"),
        Ok(label)
    );
    for bad in [
        "6ba7b8109dad11d180b400c04fd430c8",
        "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8-",
        "6ba7b8109-dad-11d1-80b4-00c04fd430c8",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
        "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "",
    ] {
        assert_eq!(Label::uuid(bad), Err(LabelError::Uuid), "{bad:?}");
    }
}

#[test]
fn guesses_the_kind_of_typed_text() {
    for (typed, label) in [
        ("Alice@Example.org", Label::email("alice@example.org")),
        ("opaque:a@b", Label::email("opaque:a@b")),
        ("+491701234567", Label::phone("491701234567")),
        ("491701234567", Label::phone("491701234567")),
        (
            "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            Label::uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ),
        ("opaque:00fF", Label::opaque(&[0x00, 0xff])),
    ] {
        assert!(label.is_ok());
        assert_eq!(Label::from_typed(typed), label, "{typed}");
    }
    for (typed, error) in [
        ("", LabelError::Unrecognised),
        ("alice", LabelError::Unrecognised),
        ("Opaque:00", LabelError::Unrecognised),
        ("opaque:0", LabelError::Opaque),
        ("opaque:zz", LabelError::Opaque),
        ("opaque:", LabelError::Length { got: 1 }),
        ("+49 170", LabelError::Phone),
        ("@", LabelError::Email),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430cx", LabelError::Uuid),
    ] {
        assert_eq!(Label::from_typed(typed), Err(error), "{typed}");
    }
}

#[test]
fn vrf_input_counts_the_type_byte() {
    let label = Label::opaque(&[0x00, 0xff]).unwrap();
    assert_eq!(
        hex::encode(label.vrf_input(Version::new(1))),
        "037f00ff00000001"
    );
    assert_eq!(
        hex::encode(label.vrf_input(Version::new(0x0102_0304))),
        "037f00ff01020304"
    );
    let longest = Label::parse(&[0x7f; 255]).unwrap();
    let input = longest.vrf_input(Version::FIRST);
    assert_eq!((input.len(), input[0]), (260, 255));
}

#[test]
fn debug_names_nobody() {
    let label = Label::email("alice@example.org").unwrap();
    assert_eq!(format!("{label:?}"), "Label { kind: Email, .. }");
}

#[test]
fn versions_end_at_both_ends() {
    assert_eq!(Version::FIRST.previous(), None);
    assert_eq!(Version::FIRST.next(), Some(Version::new(1)));
    assert_eq!(Version::new(1).previous(), Some(Version::FIRST));
    assert_eq!(Version::new(u32::MAX).next(), None);
}

proptest! {
    #[test]
    fn what_parses_is_kept_byte_for_byte(
        kind in prop::sample::select(vec![0x01u8, 0x02, 0x04, 0x7f]),
        rest in prop_oneof![
            "[!-?\\[-~]{1,8}@[!-?\\[-~]{1,8}".prop_map(String::into_bytes),
            "[0-9]{5,17}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 16),
            prop::collection::vec(any::<u8>(), 0..260),
        ],
    ) {
        if let Ok(label) = parse(kind, &rest) {
            prop_assert_eq!(&label.as_bytes()[1..], &rest[..]);
            prop_assert_eq!(label.as_bytes()[0], kind);
            prop_assert_eq!(Label::from_typed(&label.display()), Ok(label));
        }
    }

    #[test]
    fn two_inputs_of_the_vrf_are_never_the_same(
        a in prop::collection::vec(any::<u8>(), 1..6),
        b in prop::collection::vec(any::<u8>(), 1..6),
        versions: (u32, u32),
    ) {
        prop_assume!(a != b || versions.0 != versions.1);
        let (a, b) = (Label::opaque(&a).unwrap(), Label::opaque(&b).unwrap());
        prop_assert_ne!(
            a.vrf_input(Version::new(versions.0)),
            b.vrf_input(Version::new(versions.1))
        );
    }
}
