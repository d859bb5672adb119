//! Every parser: what it takes prints back to the same bytes, or, where the format has several
//! spellings (JSON), to something that is read as the same and printed as the same again.

use std::fmt::Debug;
use std::sync::LazyLock;

use plainsight_specs::bundle::UnverifiedBundle;
use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::codec;
use plainsight_specs::dsse::Envelope;
use plainsight_specs::ed25519;
use plainsight_specs::entry::Entry;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::Hash;
use plainsight_specs::head::GenesisAnswer;
use plainsight_specs::history::{HistoryAnswer, HistoryRequest};
use plainsight_specs::index::{IndexProof, TransitionProof};
use plainsight_specs::json;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::Label;
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use plainsight_specs::merkle::Frontier;
use plainsight_specs::note::{KeyName, SignatureLine, UnverifiedNote, VerifierKey};
use plainsight_specs::out_of_band::{ContactCode, SafetyNumber};
use plainsight_specs::policy::Policy;
use plainsight_specs::publish::{PublishAnswer, PublishRequest};
use plainsight_specs::query::{ArtifactAnswer, StreamAnswer, StreamRequest};
use plainsight_specs::rebuild::{RebuildList, UnverifiedRebuild};
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::{
    Audience, Name, Place, Purl, Reason, Region, ReleaseVersion, Statement, Stream, Uri,
};
use plainsight_specs::tile::{TilePath, bundle_to_bytes, parse_bundle};
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::TlogProof;
use plainsight_specs::vrf;
use plainsight_specs::watch::{
    Announcement, Bucket, Inserted, RegisterAnswer, RegisterRequest, Report, ReportAnswer,
    RungsAnswer, RungsRequest, TokenRequest,
};
use plainsight_specs::witness::{
    AddCheckpoint, cosignature_lines_to_bytes, parse_cosignature_lines, parse_size, size_to_bytes,
};

/// The first byte says which parser, modulo their number; the rest is its input.
pub fn run(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else {
        return;
    };
    let (_, parser) = PARSERS[usize::from(*which) % PARSERS.len()];
    let _ = parser(bytes);
}

/// A parser's name and what is asserted about it; `Some` if it took the input.
pub type Parser = (&'static str, fn(&[u8]) -> Option<()>);

macro_rules! texts {
    ($($name:literal: $parse:expr;)*) => {
        [$(($name, |bytes: &[u8]| text(bytes, $parse)),)*]
    };
}

macro_rules! jsons {
    ($($name:literal: $kind:ty;)*) => {
        [$(($name, |bytes: &[u8]| stable(bytes, <$kind>::parse, <$kind>::to_json)),)*]
    };
}

macro_rules! bytes {
    ($($name:literal: $parse:expr, $print:expr;)*) => {
        [$(($name, |bytes: &[u8]| same(bytes, $parse, $print)),)*]
    };
}

/// All parsers, by a number that a corpus relies on: new ones go to the end.
pub static PARSERS: LazyLock<Vec<Parser>> = LazyLock::new(|| {
    let texts: &[Parser] = &texts! {
        "origin": Origin::parse;
        "key name": KeyName::parse;
        "verifier key": VerifierKey::parse;
        "signature line": SignatureLine::parse;
        "tile path": TilePath::parse;
        "time": Timestamp::parse;
        "rule": |text| Rule::parse(text).ok_or(());
        "purl": Purl::parse;
        "release version": ReleaseVersion::parse;
        "name": Name::parse;
        "region": Region::parse;
        "audience": Audience::parse;
        "uri": Uri::parse;
        "reason": Reason::parse;
    };
    let jsons: &[Parser] = &jsons! {
        "look-up request": LookupRequest;
        "look-up answer": LookupAnswer;
        "history request": HistoryRequest;
        "history answer": HistoryAnswer;
        "stream request": StreamRequest;
        "stream answer": StreamAnswer;
        "artifact answer": ArtifactAnswer;
        "genesis answer": GenesisAnswer;
        "publish request": PublishRequest;
        "publish answer": PublishAnswer;
        "bundle of a release": UnverifiedBundle;
        "evidence": Evidence;
        "register request": RegisterRequest;
        "register answer": RegisterAnswer;
        "rungs request": RungsRequest;
        "rungs answer": RungsAnswer;
        "token request": TokenRequest;
        "announcement": Announcement;
        "report answer": ReportAnswer;
    };
    let bytes: &[Parser] = &bytes! {
        "checkpoint": UnverifiedCheckpoint::parse, UnverifiedCheckpoint::to_bytes;
        "note": UnverifiedNote::parse, UnverifiedNote::to_bytes;
        "add-checkpoint": AddCheckpoint::parse, AddCheckpoint::to_bytes;
        "tlog-proof": TlogProof::parse, TlogProof::to_bytes;
        "cosignatures": parse_cosignature_lines, |lines| cosignature_lines_to_bytes(lines);
        "size": parse_size, |size| size_to_bytes(*size);
        "entry": Entry::parse, Entry::to_bytes;
        "key set": KeySet::parse, |set| set.bytes().to_vec();
        "frontier": Frontier::from_bytes, Frontier::to_bytes;
        "stream": Stream::parse, |stream| stream.as_bytes().to_vec();
        "vrf proof": vrf::Proof::parse, |proof| proof.as_bytes().to_vec();
    };
    let others: &[Parser] = &[
        ("policy", |bytes| {
            text_as(bytes, Policy::parse, |policy| policy.text().to_owned())
        }),
        ("report", |bytes| {
            text_as(bytes, Report::parse_text, Report::text)
        }),
        ("inserted", |bytes| {
            text_as(bytes, Inserted::parse_text, Inserted::text)
        }),
        ("bucket", |bytes| {
            text_as(bytes, Bucket::parse, |bucket| bucket.as_str().to_owned())
        }),
        ("place", |bytes| {
            text_as(bytes, Place::parse, |place| place.as_str().to_owned())
        }),
        ("statement", statement),
        ("label", label),
        ("typed label", typed_label),
        ("contact code", contact_code),
        ("safety number", safety_number),
        ("bundle of entries", bundle),
        ("public keys", public_keys),
        ("numbers and digits", codecs),
        ("index proof", index_proof),
        ("transition proof", transition_proof),
        ("dsse", |bytes| {
            // An envelope is hashed and forwarded as it came, so that nothing prints it; what is
            // read must not depend on when it is read.
            let envelope = Envelope::parse(bytes);
            assert_eq!(envelope, Envelope::parse(bytes));
            envelope.ok().map(drop)
        }),
        ("rebuild result", |bytes| {
            let rebuild = UnverifiedRebuild::parse(bytes).ok()?;
            // What it says is read from the payload alone.
            let key = ed25519::SecretKey::from_seed(&[30; 32]);
            let again = rebuild.claim().sign(&[&key]);
            let again = UnverifiedRebuild::parse(&again).expect("what was printed is read");
            assert_eq!(again.claim(), rebuild.claim());
            Some(())
        }),
        ("rebuild list", |bytes| {
            stable(bytes, RebuildList::parse, RebuildList::to_json)
        }),
    ];
    [texts, jsons, bytes, others].concat()
});

/// What is taken prints back to the same bytes.
fn same<T, E>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, E>,
    print: impl Fn(&T) -> Vec<u8>,
) -> Option<()> {
    let value = parse(bytes).ok()?;
    assert_eq!(print(&value), bytes, "it prints to other bytes");
    Some(())
}

fn text<T: ToString, E>(bytes: &[u8], parse: impl Fn(&str) -> Result<T, E>) -> Option<()> {
    text_as(bytes, parse, T::to_string)
}

fn text_as<T, E>(
    bytes: &[u8],
    parse: impl Fn(&str) -> Result<T, E>,
    print: impl Fn(&T) -> String,
) -> Option<()> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value = parse(text).ok()?;
    assert_eq!(print(&value), text, "it prints to another text");
    Some(())
}

/// What is taken prints to something that is read and printed as the same again.
fn stable<T: Debug, E: Debug>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, E>,
    print: impl Fn(&T) -> Vec<u8>,
) -> Option<()> {
    let value = parse(bytes).ok()?;
    let printed = print(&value);
    let again = parse(&printed).expect("what was printed is read");
    assert_eq!(format!("{again:?}"), format!("{value:?}"));
    assert_eq!(print(&again), printed);
    Some(())
}

fn statement(bytes: &[u8]) -> Option<()> {
    let statement = Statement::parse(bytes).ok()?;
    assert!(!statement.indexes().is_empty(), "a statement is somewhere");
    let stream = statement.stream();
    assert_eq!(Stream::parse(stream.as_bytes()).as_ref(), Ok(&stream));
    let mut entry = vec![0x03];
    entry.extend_from_slice(bytes);
    if let Ok(parsed) = Entry::parse(&entry) {
        assert_eq!(parsed.to_bytes(), entry);
    }
    Some(())
}

fn label(bytes: &[u8]) -> Option<()> {
    let label = Label::parse(bytes).ok()?;
    assert_eq!(label.as_bytes(), bytes);
    assert_eq!(Label::from_typed(&label.display()).as_ref(), Ok(&label));
    Some(())
}

fn typed_label(bytes: &[u8]) -> Option<()> {
    let label = Label::from_typed(std::str::from_utf8(bytes).ok()?).ok()?;
    assert_eq!(Label::parse(label.as_bytes()).as_ref(), Ok(&label));
    assert_eq!(Label::from_typed(&label.display()), Ok(label));
    Some(())
}

fn contact_code(bytes: &[u8]) -> Option<()> {
    let text = std::str::from_utf8(bytes).ok()?;
    let code = ContactCode::parse(text).ok()?;
    assert_eq!(code.to_string(), text.to_ascii_lowercase());
    Some(())
}

fn safety_number(bytes: &[u8]) -> Option<()> {
    let number = SafetyNumber::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    assert_eq!(SafetyNumber::parse(&number.to_string()), Ok(number));
    Some(())
}

fn bundle(bytes: &[u8]) -> Option<()> {
    let (width, bytes) = bytes.split_first()?;
    let width = u16::from(*width) + 1;
    let entries = parse_bundle(bytes, width).ok()?;
    assert_eq!(entries.len(), usize::from(width));
    assert_eq!(bundle_to_bytes(&entries).unwrap(), bytes);
    Some(())
}

fn public_keys(bytes: &[u8]) -> Option<()> {
    let bytes = bytes.try_into().ok()?;
    let signs = ed25519::PublicKey::from_bytes(bytes);
    let hides = vrf::PublicKey::from_bytes(bytes);
    assert_eq!(signs.is_ok(), hides.is_ok(), "one rule for points");
    let (signs, hides) = (signs.ok()?, hides.ok()?);
    assert_eq!(signs.as_bytes(), bytes);
    assert_eq!(hides.as_bytes(), bytes);
    Some(())
}

fn codecs(bytes: &[u8]) -> Option<()> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number = codec::decimal(text).ok();
    let lenient = text.parse::<u64>().ok();
    let lenient = lenient.filter(|number| *number <= codec::MAX_NUMBER);
    assert_eq!(number, lenient.filter(|number| number.to_string() == text));
    let bytes = codec::base64_bytes(text, 1024).ok();
    if let Some(bytes) = &bytes {
        assert!(bytes.len() <= 1024);
        assert_eq!(codec::to_base64(bytes), text);
    }
    if let Ok(hash) = Hash::from_base64(text) {
        assert_eq!(hash.to_base64(), text);
    }
    if let Ok(hash) = Hash::from_hex(text) {
        assert_eq!(hash.to_hex(), text);
    }
    number.map(drop).or(bytes.map(drop))
}

fn index_proof(bytes: &[u8]) -> Option<()> {
    let parse =
        |bytes: &[u8]| IndexProof::from_json(json::parse(bytes).map_err(|_| ())?).map_err(|_| ());
    stable(bytes, parse, |proof| {
        proof.to_json().to_string().into_bytes()
    })
}

fn transition_proof(bytes: &[u8]) -> Option<()> {
    let parse = |bytes: &[u8]| {
        TransitionProof::from_json(json::parse(bytes).map_err(|_| ())?).map_err(|_| ())
    };
    stable(bytes, parse, |proof| {
        proof.to_json().to_string().into_bytes()
    })
}
