//! The policy file: logs, witnesses, groups and the quorum.

use crate::codec;
use crate::note::{Algorithm, VerifierKey};

use super::PolicyError;

/// The longest policy file: 256 logs and witnesses with ML-DSA-44 keys, with room for URLs.
pub const MAX_POLICY_BYTES: usize = 1 << 20;
/// How many logs, witnesses and groups there may be of each; C2SP asks for at least 32.
pub const MAX_OF_EACH: usize = 256;

/// A log that the policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its key; the name of the key is the origin of the log.
    pub key: VerifierKey,
    /// Where it is; what the URL means is the application's.
    pub url: Option<String>,
}

/// A witness, which for this protocol's logs is an auditor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name within the policy, which need not be the key's.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it is; by C2SP the submission prefix.
    pub url: Option<String>,
}

/// A witness or a group, by its place in the policy's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// `witnesses()[n]`.
    Witness(usize),
    /// `groups()[n]`.
    Group(usize),
}

/// A group: satisfied when at least `threshold` of its members are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name within the policy.
    pub name: String,
    /// How many members it takes, 1 to all.
    pub threshold: usize,
    /// Its members, in the order of the file; groups among them stand earlier in the list.
    pub members: Vec<Member>,
}

/// What has been read of the quorum so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum QuorumLine {
    #[default]
    NotSeen,
    None,
    Of(Member),
}

/// A parsed file.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) logs: Vec<LogEntry>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) groups: Vec<Group>,
    quorum: QuorumLine,
    /// Members that a group has.
    taken: Vec<Member>,
}

impl File {
    pub(super) fn parse(text: &str) -> Result<(Self, Option<Member>), PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLong {
                limit: MAX_POLICY_BYTES,
            });
        }
        // SPEC(POL-1)
        let barred = |byte: u8| (byte < 0x20 && byte != b'\t' && byte != b'\n') || byte == 0x7f;
        if text.bytes().any(barred) {
            return Err(PolicyError::ControlCharacter);
        }
        let mut file = Self::default();
        // SPEC(POL-2)
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(PolicyError::LastLine);
        }
        for (number, line) in text.split_terminator('\n').enumerate() {
            file.line(line).map_err(|source| PolicyError::Line {
                line: number + 1,
                source: Box::new(source),
            })?;
        }
        // SPEC(POL-7)
        match file.quorum {
            QuorumLine::NotSeen => Err(PolicyError::NoQuorum),
            QuorumLine::None => Ok((file, None)),
            QuorumLine::Of(member) => Ok((file, Some(member))),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), PolicyError> {
        let fields: Vec<&str> = line
            .split([' ', '\t'])
            .filter(|field| !field.is_empty())
            .collect();
        match fields.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            // SPEC(POL-3): a comment after the fields is a field too many.
            _ => Err(PolicyError::Form),
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), PolicyError> {
        let key = VerifierKey::parse(key)?;
        // SPEC(POL-4)
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::MlDsa44 => {}
            found @ Algorithm::CosignatureV1 => return Err(PolicyError::KeyType(found)),
        }
        // SPEC(POL-5)
        if self.logs.iter().any(|log| same_key(&log.key, &key)) {
            return Err(PolicyError::DuplicateKey);
        }
        self.logs.push(LogEntry {
            key,
            url: url.map(Into::into),
        });
        bounded(self.logs.len())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), PolicyError> {
        self.refuse_name(name)?;
        let key = VerifierKey::parse(key)?;
        // SPEC(POL-4)
        match key.algorithm() {
            Algorithm::CosignatureV1 | Algorithm::MlDsa44 => {}
            found @ Algorithm::Ed25519 => return Err(PolicyError::KeyType(found)),
        }
        // SPEC(POL-5)
        if self
            .witnesses
            .iter()
            .any(|other| same_key(&other.key, &key))
        {
            return Err(PolicyError::DuplicateKey);
        }
        self.witnesses.push(Witness {
            name: name.into(),
            key,
            url: url.map(Into::into),
        });
        bounded(self.witnesses.len())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), PolicyError> {
        self.refuse_name(name)?;
        let mut found = Vec::new();
        for member in members {
            // SPEC(POL-8)
            let member = self.defined(member)?;
            if self.taken.contains(&member) {
                return Err(PolicyError::MemberTwice);
            }
            self.taken.push(member);
            found.push(member);
        }
        // SPEC(POL-9)
        let threshold = match threshold {
            "all" => found.len(),
            "any" => 1,
            number => codec::decimal(number)
                .ok()
                .and_then(|number| usize::try_from(number).ok())
                .ok_or(PolicyError::Threshold)?,
        };
        if threshold < 1 || threshold > found.len() {
            return Err(PolicyError::Threshold);
        }
        self.groups.push(Group {
            name: name.into(),
            threshold,
            members: found,
        });
        bounded(self.groups.len())
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyError> {
        if self.quorum != QuorumLine::NotSeen {
            return Err(PolicyError::QuorumTwice);
        }
        self.quorum = match name {
            "none" => QuorumLine::None,
            name => QuorumLine::Of(self.defined(name)?),
        };
        Ok(())
    }

    /// The witness or group of that name, if it was defined on an earlier line.
    fn defined(&self, name: &str) -> Result<Member, PolicyError> {
        let witness = self.witnesses.iter().position(|other| other.name == name);
        let group = self.groups.iter().position(|other| other.name == name);
        witness
            .map(Member::Witness)
            .or(group.map(Member::Group))
            .ok_or_else(|| PolicyError::Undefined(name.into()))
    }

    fn refuse_name(&self, name: &str) -> Result<(), PolicyError> {
        // SPEC(POL-6): the predefined name is never free.
        if name == "none" || self.defined(name).is_ok() {
            return Err(PolicyError::NameTaken(name.into()));
        }
        Ok(())
    }
}

fn same_key(a: &VerifierKey, b: &VerifierKey) -> bool {
    a.public_bytes() == b.public_bytes()
}

fn bounded(count: usize) -> Result<(), PolicyError> {
    if count > MAX_OF_EACH {
        return Err(PolicyError::TooMany { limit: MAX_OF_EACH });
    }
    Ok(())
}
