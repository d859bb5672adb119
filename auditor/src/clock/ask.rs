//! What time a server says that it is.

use std::time::Duration;

/// The `Date` of a server's answer to `HEAD`, whatever its status, in POSIX seconds. Of an answer out
/// of a cache, its age is added. `None` if nothing of that comes within `patience`.
pub(crate) async fn date_of(url: &str, patience: Duration) -> Option<u64> {
    let client = reqwest::Client::builder()
        .timeout(patience)
        // Who is asked is configuration, not something that a server decides.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .ok()?;
    let asked = client.head(url).header("cache-control", "no-cache");
    let answer = asked.send().await.ok()?;
    let text = |name| answer.headers().get(name)?.to_str().ok();
    let date = http_date(text("date")?)?;
    let age = text("age").and_then(|age| age.trim().parse::<u64>().ok());
    date.checked_add(age.unwrap_or(0))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers send.
fn http_date(text: &str) -> Option<u64> {
    let mut words = text.strip_suffix(" GMT")?.split(' ').skip(1);
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| *name == month)? + 1;
    let text = format!("{year}-{month:02}-{day}T{time}Z");
    let time = plainsight_specs::time::Timestamp::parse(&text).ok()?;
    Some(time.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_servers_are_read() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        for bad in [
            "",
            "GMT",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nof 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }
}
