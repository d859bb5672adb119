//! The talk with a mail server (RFC 5321), as far as handing in one mail needs it: `EHLO`, `STARTTLS`
//! (RFC 3207), `AUTH` (RFC 4954), and the mail.
//!
//! What the server says is bounded and only ever repeated to the operator. A name and a password are
//! said through TLS, or to this machine. Out of scope: the time that all of it may take, which is the
//! caller's to bound.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use plainsight_specs::codec::to_base64;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::letter::Letter;
use super::{Address, Login, Mail, MailTls};

/// Bytes of one line of a server, at most; RFC 5321 allows 512.
const MAX_LINE: u64 = 2048;
/// Lines of one answer, at most.
const MAX_LINES: usize = 64;

/// Why a mail was not handed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    /// No connection, or it broke off.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The server's name is no name.
    #[error("the server's name cannot be verified: {0}")]
    Name(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// It was to be this machine.
    #[error("{0} is not this machine; without TLS nothing is said to another")]
    Elsewhere(IpAddr),
    /// It does not offer `STARTTLS`.
    #[error("the server offers no STARTTLS, and nothing is said without it")]
    Open,
    /// It said more before TLS than it was asked.
    #[error("the server talks before TLS begins")]
    Early,
    /// It offers no login that is known here.
    #[error("the server offers neither AUTH PLAIN nor AUTH LOGIN")]
    Login,
    /// No answer of SMTP.
    #[error("the server's answer is not one of SMTP")]
    Malformed,
    /// It refused.
    #[error("to {what} the server said: {said}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its own words.
        said: String,
    },
}

/// Addresses that the server refused while it took others, each with its words.
pub(super) type Refused = Vec<(Address, String)>;

/// Hands in one mail. Gives the addresses that were refused, if not all were.
pub(super) async fn deliver(mail: &Mail, letter: &Letter) -> Result<Refused, SmtpError> {
    let stream = TcpStream::connect((mail.host.as_str(), mail.port)).await?;
    let (peer, own) = (stream.peer_addr()?, stream.local_addr()?);
    match mail.tls {
        MailTls::None => {
            if !peer.ip().is_loopback() {
                return Err(SmtpError::Elsewhere(peer.ip()));
            }
            let mut talk = Talk::new(stream);
            talk.greeted().await?;
            let offers = talk.hello(own).await?;
            talk.hand_in(mail, letter, &offers).await
        }
        MailTls::Wrapped => {
            let mut talk = Talk::new(encrypt(stream, &mail.host).await?);
            talk.greeted().await?;
            let offers = talk.hello(own).await?;
            talk.hand_in(mail, letter, &offers).await
        }
        MailTls::Required => {
            let mut open = Talk::new(stream);
            open.greeted().await?;
            let offers = open.hello(own).await?;
            if !offers.iter().any(|offer| offer == "STARTTLS") {
                return Err(SmtpError::Open);
            }
            open.ask("STARTTLS", "STARTTLS", '2').await?;
            let mut talk = Talk::new(encrypt(open.end()?, &mail.host).await?);
            let offers = talk.hello(own).await?;
            talk.hand_in(mail, letter, &offers).await
        }
    }
}

async fn encrypt(
    stream: TcpStream,
    host: &str,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SmtpError> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| SmtpError::Name(error.to_string()))?;
    // The same provider and the same roots as everything else here.
    let config = ClientConfig::with_platform_verifier()?;
    Ok(TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?)
}

/// A connection, and what it has said.
struct Talk<S> {
    stream: BufReader<S>,
}

impl Talk<TcpStream> {
    /// The connection, of which nothing is left unread: what came in the clear must not be taken for
    /// what comes through TLS.
    fn end(self) -> Result<TcpStream, SmtpError> {
        if self.stream.buffer().is_empty() {
            return Ok(self.stream.into_inner());
        }
        Err(SmtpError::Early)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    async fn greeted(&mut self) -> Result<(), SmtpError> {
        self.answer("the greeting", '2').await.map(drop)
    }

    /// Says who speaks, by its address; gives what the server offers.
    async fn hello(&mut self, own: SocketAddr) -> Result<Vec<String>, SmtpError> {
        let own = match own.ip() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        };
        let offers = self.ask("EHLO", &format!("EHLO {own}"), '2').await?;
        Ok(offers.iter().map(|offer| offer.to_uppercase()).collect())
    }

    /// Logs in if that is wanted, and hands the mail in.
    async fn hand_in(
        &mut self,
        mail: &Mail,
        letter: &Letter,
        offers: &[String],
    ) -> Result<Refused, SmtpError> {
        if let Some(login) = &mail.login {
            self.log_in(login, offers).await?;
        }
        let from = format!("MAIL FROM:<{}>", mail.from.as_str());
        self.ask("MAIL FROM", &from, '2').await?;
        let mut refused = Vec::new();
        let mut last = None;
        for to in &mail.to {
            let command = format!("RCPT TO:<{}>", to.as_str());
            match self.ask("RCPT TO", &command, '2').await {
                Ok(_) => {}
                Err(SmtpError::Refused { what, said }) => {
                    refused.push((to.clone(), said.clone()));
                    last = Some(SmtpError::Refused { what, said });
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = last.filter(|_| refused.len() == mail.to.len()) {
            return Err(error);
        }
        self.ask("DATA", "DATA", '3').await?;
        self.stream.write_all(letter.as_str().as_bytes()).await?;
        self.ask("the mail", ".", '2').await?;
        // It has the mail; what it says to a farewell changes nothing.
        let _farewell = self.say("QUIT").await;
        Ok(refused)
    }

    async fn log_in(&mut self, login: &Login, offers: &[String]) -> Result<(), SmtpError> {
        let mut ways = offers
            .iter()
            .filter_map(|offer| offer.strip_prefix("AUTH "))
            .flat_map(str::split_whitespace);
        let password = login.password.as_bytes();
        if ways.clone().any(|way| way == "PLAIN") {
            let mut words = Zeroizing::new(Vec::new());
            words.extend([0]);
            words.extend(login.user.as_bytes());
            words.extend([0]);
            words.extend(password);
            let command = Zeroizing::new(format!("AUTH PLAIN {}", to_base64(&words)));
            return self.ask("AUTH", &command, '2').await.map(drop);
        }
        if !ways.any(|way| way == "LOGIN") {
            return Err(SmtpError::Login);
        }
        self.ask("AUTH", "AUTH LOGIN", '3').await?;
        let user = to_base64(login.user.as_bytes());
        self.ask("AUTH", &user, '3').await?;
        let password = Zeroizing::new(to_base64(password));
        self.ask("AUTH", &password, '2').await.map(drop)
    }

    async fn ask(
        &mut self,
        what: &'static str,
        command: &str,
        class: char,
    ) -> Result<Vec<String>, SmtpError> {
        self.say(command).await?;
        self.answer(what, class).await
    }

    async fn say(&mut self, command: &str) -> Result<(), SmtpError> {
        let line = Zeroizing::new(format!("{command}\r\n"));
        self.stream.write_all(line.as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    /// An answer, which is to begin with this digit: its lines without their codes.
    async fn answer(&mut self, what: &'static str, class: char) -> Result<Vec<String>, SmtpError> {
        let mut lines = Vec::new();
        while lines.len() < MAX_LINES {
            let (code, goes_on, words) = self.line().await?;
            lines.push(words);
            if goes_on {
                continue;
            }
            if code.starts_with(class) {
                return Ok(lines);
            }
            return Err(SmtpError::Refused {
                what,
                said: format!("{code} {}", lines.join(" ")),
            });
        }
        Err(SmtpError::Malformed)
    }

    /// One line: its code, whether another follows, and its words.
    async fn line(&mut self) -> Result<(String, bool, String), SmtpError> {
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.stream).take(MAX_LINE);
        bounded.read_until(b'\n', &mut bytes).await?;
        if bytes.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = text.strip_suffix('\n').ok_or(SmtpError::Malformed)?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (code, words) = line.split_at_checked(3).ok_or(SmtpError::Malformed)?;
        if !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SmtpError::Malformed);
        }
        let goes_on = match words.chars().next() {
            Some('-') => true,
            Some(' ') | None => false,
            Some(_) => return Err(SmtpError::Malformed),
        };
        Ok((code.to_owned(), goes_on, words.chars().skip(1).collect()))
    }
}
