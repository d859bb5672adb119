//! Mail: what arrives at a server, and what one that refuses, stalls or hangs up can do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Auditor, Site, busy, folder};
use plainsight_auditor::alert::channel::{Channel, ChannelError, Way};
use plainsight_auditor::alert::mail::{Login, MailConfig, MailError, MailTls};
use plainsight_auditor::alert::{Message, Sender};
use plainsight_auditor::store::{Event, KeptAlert};
use plainsight_specs::codec::base64_bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How the server treats whoever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    /// An answer with more lines and stranger bytes than anybody expects.
    Refuses,
    Stalls,
    HangsUp,
    /// Takes the text, and says nothing any more.
    StallsAtTheEnd,
    /// Refuses one of the addresses.
    RefusesOne,
    /// Answers without end.
    Floods,
    /// Offers STARTTLS, and says more than it was asked before it.
    TalksBeforeTls,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mail {
    from: String,
    to: Vec<String>,
    text: String,
    /// What was said to log in.
    login: Vec<String>,
}

struct Server {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Server {
    async fn open(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            port,
            mood: Arc::new(Mutex::new(mood)),
            mails: Arc::default(),
        };
        let (mood, mails) = (server.mood.clone(), server.mails.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mood = *mood.lock().unwrap();
                tokio::spawn(talk(stream, mood, mails.clone()));
            }
        });
        server
    }

    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn config(&self) -> MailConfig {
        MailConfig {
            name: "mail".into(),
            host: "127.0.0.1".into(),
            port: Some(self.port),
            tls: MailTls::None,
            user: None,
            password_file: None,
            from: "auditor@example.org".into(),
            to: vec!["one@example.org".into(), "two@example.org".into()],
            timeout_s: 1,
            severities: Vec::new(),
        }
    }

    fn channel(&self) -> Channel {
        Channel {
            name: "mail".into(),
            severities: Vec::new(),
            way: Way::Mail(Box::new(self.config().checked().unwrap())),
        }
    }
}

async fn talk(stream: TcpStream, mood: Mood, mails: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    match mood {
        Mood::HangsUp => return Ok(()),
        Mood::Stalls => return std::future::pending().await,
        Mood::Refuses => {
            let many = "554-\u{1b}[31mno\0\u{202e}\r\n".repeat(200);
            write.write_all(many.as_bytes()).await?;
            return write.write_all(b"554 no\r\n").await;
        }
        Mood::Floods => loop {
            write.write_all(&[b'2'; 4096]).await?;
        },
        Mood::Takes | Mood::StallsAtTheEnd | Mood::RefusesOne | Mood::TalksBeforeTls => {
            write.write_all(b"220 here\r\n").await?;
        }
    }
    let mut mail = Mail {
        from: String::new(),
        to: Vec::new(),
        text: String::new(),
        login: Vec::new(),
    };
    while let Some(line) = lines.next_line().await? {
        let word = line.split([' ', ':']).next().unwrap_or_default();
        match word.to_uppercase().as_str() {
            "EHLO" if mood == Mood::TalksBeforeTls => {
                write.write_all(b"250-here\r\n250 STARTTLS\r\n").await?;
            }
            "EHLO" => {
                let offers = b"250-here\r\n250-AUTH LOGIN PLAIN\r\n250 8BITMIME\r\n";
                write.write_all(offers).await?;
            }
            "STARTTLS" => write.write_all(b"220 go\r\n250 AUTH PLAIN\r\n").await?,
            "AUTH" => {
                mail.login.push(line);
                write.write_all(b"235 welcome\r\n").await?;
            }
            "RCPT" if mood == Mood::RefusesOne && line.contains("one@") => {
                write.write_all(b"550 nobody\r\n").await?;
            }
            "MAIL" => {
                mail.from = line;
                write.write_all(b"250 ok\r\n").await?;
            }
            "RCPT" => {
                mail.to.push(line);
                write.write_all(b"250 ok\r\n").await?;
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.text.push_str(&line);
                    mail.text.push('\n');
                }
                if mood == Mood::StallsAtTheEnd {
                    return std::future::pending().await;
                }
                mails.lock().unwrap().push(mail.clone());
                write.write_all(b"250 taken\r\n").await?;
            }
            "QUIT" => return write.write_all(b"221 bye\r\n").await,
            _ => write.write_all(b"250 ok\r\n").await?,
        }
    }
    Ok(())
}

fn message(text: &str) -> Message {
    let sender = Sender {
        name: "audit.example/test".into(),
        organisation: "Test".into(),
        url: None,
    };
    let alert = KeptAlert {
        row: 1,
        id: "00ff".into(),
        origin: Some("log.example".into()),
        severity: "tamper".into(),
        code: "rule-broken".into(),
        subject: "seq 3".into(),
        text: text.into(),
        time: 5,
        again: 0,
        resolved: None,
        acknowledged: None,
    };
    Message::new(&sender, Event::Raised, alert, Some("abcd".into()))
}

/// Headers, folded ones as one line each, and the body, decoded.
fn parts(mail: &Mail) -> (String, String) {
    let (headers, body) = mail.text.split_once("\n\n").unwrap();
    let body: String = body.split('\n').collect();
    let body = base64_bytes(&body, 1 << 20).unwrap();
    let headers = headers.replace("\n ", " ");
    (headers, String::from_utf8(body).unwrap())
}

fn subject(headers: &str) -> String {
    let subject = headers
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "));
    let words = subject.unwrap().split(' ').map(|word| {
        let word = word.strip_prefix("=?utf-8?B?").unwrap();
        String::from_utf8(base64_bytes(word.strip_suffix("?=").unwrap(), 64).unwrap()).unwrap()
    });
    words.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_fact_is_one_mail_in_plain_words_to_everybody() {
    let server = Server::open(Mood::Takes).await;
    let sent = message("the log signed this, and it breaks a rule");
    let channel = server.channel();
    for _ in 0..2 {
        channel.send(&sent, 7).await.unwrap();
    }
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    let mail = &mails[0];
    assert!(mail.from.contains("auditor@example.org"));
    assert_eq!(mail.to.len(), 2);
    let (headers, body) = parts(mail);
    let said = subject(&headers);
    assert!(
        said.starts_with("[TAMPER] audit.example/test: log.example"),
        "{said}"
    );
    assert!(
        headers.contains("Date: Thu, 01 Jan 1970 00:00:07 +0000"),
        "{headers}"
    );
    for words in [
        "What: the log signed this, and it breaks a rule",
        "About: log.example",
        "Not proven: ",
        "Next: ",
        "Evidence: /v1/evidence/abcd",
        "Alert 00ff, kind rule-broken",
    ] {
        assert!(body.contains(words), "{words}: {body}");
    }
    let id = |mail: &Mail| {
        let (headers, _) = parts(mail);
        let id = headers
            .lines()
            .find(|line| line.starts_with("Message-ID: "));
        id.unwrap().to_owned()
    };
    assert_eq!(id(&mails[0]), id(&mails[1]), "sent again, it is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_chooses_the_words_makes_no_header_and_no_line() {
    let server = Server::open(Mood::Takes).await;
    let hostile = format!(
        "x\r\nBcc: victim@example.org\r\n\r\n.\r\nMAIL FROM:<a@b>\r\nNext: pay\u{2028}Next: now\u{202e}{}",
        "\u{1f50d}".repeat(5000)
    );
    server.channel().send(&message(&hostile), 7).await.unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "one mail, whatever is in it");
    assert_eq!(mails[0].to.len(), 2);
    let (headers, _) = parts(&mails[0]);
    assert!(
        !headers.lines().any(|line| line.starts_with("Bcc")),
        "{headers}"
    );
    let names: Vec<_> = headers
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| name.to_lowercase())
        .collect();
    assert_eq!(names.iter().filter(|name| *name == "subject").count(), 1);
    assert!(subject(&headers).chars().count() <= 161, "it is bounded");
    assert!(mails[0].text.len() < 60_000);
    let (_, body) = parts(&mails[0]);
    let lines = body.lines().filter(|line| line.starts_with("Next: "));
    assert_eq!(lines.count(), 1, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_stalls_or_hangs_up_is_a_failure_soon() {
    let server = Server::open(Mood::Takes).await;
    for mood in [
        Mood::Refuses,
        Mood::Stalls,
        Mood::HangsUp,
        Mood::StallsAtTheEnd,
        Mood::Floods,
    ] {
        server.is(mood);
        let failed = server.channel().send(&message("x"), 7).await.unwrap_err();
        let ChannelError::Mail(why) = &failed else {
            panic!("{mood:?}: {failed}");
        };
        assert!(why.chars().count() <= 401, "{mood:?}: {why}");
        assert!(
            !why.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{why:?}"
        );
    }
    assert_eq!(server.mails(), []);
    // One address that is refused keeps nobody else from being told.
    server.is(Mood::RefusesOne);
    server.channel().send(&message("x"), 7).await.unwrap();
    assert_eq!(server.mails()[0].to, ["RCPT TO:<two@example.org>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_without_tls_where_tls_is_asked_for() {
    let server = Server::open(Mood::Takes).await;
    for (tls, mood, why) in [
        (MailTls::Required, Mood::Takes, "no STARTTLS"),
        (MailTls::Required, Mood::TalksBeforeTls, "before TLS"),
        (MailTls::Wrapped, Mood::Takes, ""),
    ] {
        server.is(mood);
        let mut config = server.config();
        config.tls = tls;
        let mut channel = server.channel();
        let mut mail = config.checked().unwrap();
        mail.login = Some(Login {
            user: "me".into(),
            password: "hunter2".to_owned().into(),
        });
        channel.way = Way::Mail(Box::new(mail));
        let failed = channel.send(&message("secret"), 7).await.unwrap_err();
        assert!(failed.to_string().contains(why), "{failed}");
        assert!(!failed.to_string().contains("hunter2"));
    }
    assert_eq!(server.mails(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_read_from_a_file_of_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = Server::open(Mood::Takes).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mail.password");
    std::fs::write(&path, "hunter2\n").unwrap();
    let mut operations = plainsight_auditor::config::Operations::new();
    let mut config = server.config();
    config.user = Some("me".into());
    config.password_file = Some("mail.password".into());
    operations.mails = vec![config];
    let mode = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    assert!(operations.channels(dir.path()).is_err());
    mode(0o600);
    let channels = operations.channels(dir.path()).unwrap();
    assert!(!format!("{channels:?}").contains("hunter2"));
    channels[0].send(&message("x"), 7).await.unwrap();
    let said = server.mails()[0].login[0].clone();
    let said = base64_bytes(said.strip_prefix("AUTH PLAIN ").unwrap(), 64).unwrap();
    assert_eq!(said, b"\0me\0hunter2");
}

#[test]
fn what_would_be_read_on_the_way_or_reach_nobody_is_refused() {
    let config = MailConfig {
        name: "mail".into(),
        host: "localhost".into(),
        port: None,
        tls: MailTls::None,
        user: None,
        password_file: None,
        from: "a@example.org".into(),
        to: vec!["b@example.org".into()],
        timeout_s: 5,
        severities: Vec::new(),
    };
    assert_eq!(config.checked().unwrap().port, 25);
    let with = |change: fn(&mut MailConfig)| {
        let mut changed = config.clone();
        change(&mut changed);
        changed.checked().unwrap_err()
    };
    assert_eq!(
        with(|mail| mail.host = "mail.example".into()),
        MailError::Open
    );
    assert_eq!(with(|mail| mail.host = "192.0.2.1".into()), MailError::Open);
    assert_eq!(with(|mail| mail.host = "a b".into()), MailError::Host);
    assert_eq!(with(|mail| mail.user = Some("a".into())), MailError::Login);
    assert_eq!(with(|mail| mail.to.clear()), MailError::To);
    for from in [
        "a@b\r\nBcc: c@d",
        "A <a@b>",
        "a@b>",
        "a@b c",
        "a",
        "@b",
        "a@",
        "a@b..c",
        "ä@b",
    ] {
        let mut changed = config.clone();
        changed.from = from.into();
        let wrong = changed.checked().unwrap_err();
        assert_eq!(wrong, MailError::Address(from.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_sent_again_until_it_is_taken() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let server = Server::open(Mood::HangsUp).await;
    let log = busy();
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.operations.mails = vec![server.config()];
    // A disk that is full is a fact to be told.
    let disk = plainsight_auditor::pulse::Disk::with(|_| Ok(0));
    let auditor = Auditor::start_on(&config, disk).await;
    auditor.wait_alert("disk-full").await;
    server.is(Mood::Takes);
    crate::support::until("the mail", || !server.mails().is_empty()).await;
    tokio::time::timeout(Duration::from_secs(30), auditor.stop())
        .await
        .unwrap();
    let (_, body) = parts(&server.mails()[0]);
    assert!(body.contains("Proven: Nothing about any log."), "{body}");
}
