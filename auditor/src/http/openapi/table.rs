//! Each route, what it takes, and how it answers.

/// What a body is, as far as the document says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Object,
    List,
    Text,
    Bytes,
}

/// A part of the path, or of the query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    /// What a text looks like; or [`NUMBER`] or [`PLACE`].
    pub(super) pattern: &'static str,
    pub(super) what: &'static str,
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) media: &'static str,
    pub(super) shape: Shape,
    pub(super) what: &'static str,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media: &'static str,
    pub(super) shape: Shape,
    pub(super) what: &'static str,
}

/// A route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<Body>,
    pub(super) answers: &'static [Answer],
}

/// Not a text, but a size or a position: at most 2^53 - 1.
pub(super) const NUMBER: &str = "";
/// Not a text, but a number of this auditor's own.
pub(super) const PLACE: &str = "place";
/// Any text, or none at all.
pub(super) const ANY: &str = "^";
const TEXT: &str = "text/plain";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const HEX: &str = "^[0-9a-f]{64}$";

const fn path(name: &'static str, pattern: &'static str, what: &'static str) -> Parameter {
    Parameter {
        name,
        place: "path",
        pattern,
        what,
    }
}

const fn number(name: &'static str, place: &'static str, what: &'static str) -> Parameter {
    Parameter {
        name,
        place,
        pattern: NUMBER,
        what,
    }
}

const fn text(status: u16, what: &'static str) -> Answer {
    Answer {
        status,
        media: TEXT,
        shape: Shape::Text,
        what,
    }
}

const fn object(what: &'static str) -> Answer {
    Answer {
        status: 200,
        media: JSON,
        shape: Shape::Object,
        what,
    }
}

const fn list(what: &'static str) -> Answer {
    Answer {
        status: 200,
        media: JSON,
        shape: Shape::List,
        what,
    }
}

const fn problem(status: u16, what: &'static str) -> Answer {
    Answer {
        status,
        media: PROBLEM,
        shape: Shape::Object,
        what,
    }
}

const fn get(
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    answers: &'static [Answer],
) -> Route {
    Route {
        method: "get",
        path,
        tag,
        summary,
        parameters,
        body: None,
        answers,
    }
}

const fn post(
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    body: Body,
    answers: &'static [Answer],
) -> Route {
    Route {
        method: "post",
        path,
        tag,
        summary,
        parameters: &[],
        body: Some(body),
        answers,
    }
}

const fn note(what: &'static str) -> Body {
    Body {
        media: TEXT,
        shape: Shape::Text,
        what,
    }
}

const fn question(what: &'static str) -> Body {
    Body {
        media: JSON,
        shape: Shape::Object,
        what,
    }
}

const ORIGIN_HASH: Parameter = path("hash", HEX, "The SHA-256 of the log's origin");
const NOT_FOLLOWED: Answer = problem(
    404,
    "The log is not followed here, or nothing of it is cosigned",
);

/// The answers of `add-checkpoint` (`specs/witness.md`).
const WITNESS: &[Answer] = &[
    text(200, "The cosignature, a signature line"),
    text(
        400,
        "The request is malformed, or old is larger than the checkpoint's size",
    ),
    text(
        403,
        "No signature by a key that is configured for the origin, or one that fails",
    ),
    text(404, "The origin is unknown here"),
    Answer {
        status: 409,
        media: "text/x.tlog.size",
        shape: Shape::Text,
        what: "Old is not the size that was cosigned last, which is the body",
    },
    text(
        422,
        "The proof fails, the roots differ, or the log broke a rule",
    ),
    text(
        503,
        "Later: it is being replayed, or nothing is signed at present, and why",
    ),
    problem(
        503,
        "Later: it is being replayed, or nothing is signed at present, and why",
    ),
];

const TOKEN: &str = "`token`, as in specs/watch.md";
const REPORT: Answer = object("The newest signed answer about the watch, as in specs/watch.md");
const UNKNOWN_WATCH: Answer = problem(404, "No watch has this token, or none are taken here");

/// All routes but the pages.
pub(super) const ROUTES: &[Route] = &[
    post(
        "/add-checkpoint",
        "witness",
        "A log asks for a cosignature (C2SP tlog-witness).",
        note("The old size, a consistency proof, and the checkpoint: specs/witness.md"),
        WITNESS,
    ),
    get(
        "/{hash}/checkpoint",
        "witness",
        "The head of a log that this auditor cosigned last.",
        &[ORIGIN_HASH],
        &[
            text(200, "The checkpoint with the auditor's line"),
            NOT_FOLLOWED,
        ],
    ),
    get(
        "/{hash}/tile/{rest}",
        "witness",
        "The mirror of a log (C2SP tlog-tiles).",
        &[
            ORIGIN_HASH,
            path(
                "rest",
                "^[0-9a-z/.]+$",
                "A tile or a bundle, slashes included: 0/000, 1/x001/234.p/5, entries/000",
            ),
        ],
        &[
            Answer {
                status: 200,
                media: "application/octet-stream",
                shape: Shape::Bytes,
                what: "The bytes of a tile, or of a bundle",
            },
            problem(404, "No such tile is held"),
        ],
    ),
    post(
        "/witness/add-checkpoint",
        "witness",
        "The same for the plain witness, under its own key.",
        note("The old size, a consistency proof, and the checkpoint: specs/witness.md"),
        WITNESS,
    ),
    get(
        "/witness/{hash}/checkpoint",
        "witness",
        "The head of a log that the plain witness cosigned last.",
        &[ORIGIN_HASH],
        &[
            text(200, "The checkpoint with the witness's line"),
            NOT_FOLLOWED,
        ],
    ),
    post(
        "/v1/checkpoint",
        "readers",
        "Hands over a head that somebody was shown.",
        note("A signed checkpoint of C2SP tlog-checkpoint"),
        &[
            object("How it fits: verdict, detail, and the id of evidence if it convicts the log"),
            problem(403, "No signature by a key of the log, or one that fails"),
            problem(
                503,
                "No more heads of this log can be kept, or there was no answer in time",
            ),
        ],
    ),
    post(
        "/v1/index",
        "readers",
        "Index proofs at the head cosigned last.",
        question("origin, and indexes: 32 bytes each in hex"),
        &[
            object("The proof, with what ties it to the head: specs/watch.md"),
            NOT_FOLLOWED,
            problem(
                503,
                "Nothing is cosigned yet, or there was no answer in time",
            ),
        ],
    ),
    get(
        "/v1/logs",
        "readers",
        "How each log does.",
        &[],
        &[list("An object for each log")],
    ),
    get(
        "/v1/heads",
        "readers",
        "What others show of each log: specs/witness.md.",
        &[],
        &[list("An object for each log")],
    ),
    get(
        "/v1/witness",
        "readers",
        "Who the plain witness is, and how its logs do.",
        &[],
        &[
            object("vkey, states, logs"),
            problem(404, "There is no plain witness here"),
        ],
    ),
    get(
        "/v1/evidence",
        "readers",
        "The evidence that is kept.",
        &[],
        &[list("id, origin, rule, position, seen")],
    ),
    get(
        "/v1/evidence/{id}",
        "readers",
        "One file of evidence: specs/evidence.md.",
        &[path("id", HEX, "The SHA-256 of the file")],
        &[object("The file"), problem(404, "No such evidence is kept")],
    ),
    get(
        "/v1/alerts",
        "readers",
        "The newest 1000 alerts.",
        &[],
        &[list(
            "What happened, what is proven, what is not, the next step",
        )],
    ),
    get(
        "/alerts.atom",
        "readers",
        "The newest 100 alerts as a feed (RFC 4287).",
        &[],
        &[Answer {
            status: 200,
            media: "application/atom+xml",
            shape: Shape::Text,
            what: "The feed",
        }],
    ),
    get(
        "/v1/about",
        "readers",
        "Who this auditor says that it is.",
        &[],
        &[object("Its own claims")],
    ),
    post(
        "/v1/watch",
        "watches",
        "Registers a watch: specs/watch.md.",
        question("origin, indexes, and the rest of a registration"),
        &[
            object("The registration, signed, with the proof of absence"),
            NOT_FOLLOWED,
            problem(429, "Too many registrations from this address"),
            problem(503, "No room for more, or there was no answer in time"),
        ],
    ),
    post(
        "/v1/watch/report",
        "watches",
        "Asks for the newest answer.",
        question(TOKEN),
        &[REPORT, UNKNOWN_WATCH],
    ),
    post(
        "/v1/watch/announce",
        "watches",
        "Announces the owner's next version.",
        question("token, index, commitment, as in specs/watch.md"),
        &[REPORT, UNKNOWN_WATCH],
    ),
    post(
        "/v1/watch/cancel",
        "watches",
        "Forgets a watch.",
        question(TOKEN),
        &[object("Nothing more"), UNKNOWN_WATCH],
    ),
    get(
        "/v1/inserted/{hash}/{bucket}",
        "watches",
        "The indexes inserted since a size, by their first bits: specs/watch.md.",
        &[
            ORIGIN_HASH,
            path("bucket", "^[0-9a-f-]+$", "The first bits"),
            number("since", "query", "The size"),
        ],
        &[
            text(200, "A signed note"),
            problem(404, "Not followed, or not served here"),
        ],
    ),
    get(
        "/v1/rebuilds",
        "rebuilds",
        "Results of rebuilds after a place: specs/rebuild.md.",
        &[Parameter {
            name: "after",
            place: "query",
            pattern: PLACE,
            what: "The place",
        }],
        &[object("Results, and the next place")],
    ),
    post(
        "/v1/rebuilds",
        "rebuilds",
        "Hands in a signed result.",
        question("A DSSE envelope of a rebuilder that is listed here"),
        &[
            object("It is kept"),
            problem(403, "Not signed by a rebuilder that is listed here"),
            problem(409, "A newer one of the same rebuilder is kept"),
        ],
    ),
    get(
        "/v1/rebuilds/{file}",
        "rebuilds",
        "Results about one file.",
        &[path("file", HEX, "The SHA-256 of the file")],
        &[object("Results")],
    ),
    get(
        "/livez",
        "operations",
        "The process answers.",
        &[],
        &[text(200, "It does")],
    ),
    get(
        "/readyz",
        "operations",
        "It audits.",
        &[],
        &[
            text(200, "It does"),
            text(503, "It does not: why, a line each"),
        ],
    ),
    get(
        "/v1/openapi.json",
        "operations",
        "This document.",
        &[],
        &[object("OpenAPI 3.1")],
    ),
    get(
        "/v1/events",
        "pages",
        "Tells open pages of news; it does not end.",
        &[],
        &[Answer {
            status: 200,
            media: "text/event-stream",
            shape: Shape::Text,
            what: "Server-sent events",
        }],
    ),
];

const ALERT: Parameter = path("id", "^[0-9a-f]{32}$", "The alert's id");
/// What the operator changes by a form.
pub(super) const FORMS: &[(&str, &str, &[Parameter])] = &[
    ("/logs", "Adds a log.", &[]),
    (
        "/alerts/{id}/acknowledge",
        "Acknowledges an alert.",
        &[ALERT],
    ),
];

const POSITION: Parameter = number("position", "path", "The entry's position");

/// The pages: path, what it shows, what is in the path.
pub(super) const PAGES: &[(&str, &str, &[Parameter])] = &[
    ("/", "Whether all is well.", &[]),
    ("/logs", "The logs.", &[]),
    ("/logs/{hash}", "One log.", &[ORIGIN_HASH]),
    ("/logs/{hash}/entries", "Its entries.", &[ORIGIN_HASH]),
    (
        "/logs/{hash}/entries/{position}",
        "One entry.",
        &[ORIGIN_HASH, POSITION],
    ),
    ("/alerts", "The alerts.", &[]),
    ("/alerts/{id}", "One alert.", &[ALERT]),
    (
        "/evidence/{id}",
        "One file of evidence.",
        &[path("id", HEX, "The SHA-256 of the file")],
    ),
    ("/heads", "Who vouches for which head.", &[]),
    (
        "/heads/{hash}/{peer}",
        "What one auditor shows of one log.",
        &[
            ORIGIN_HASH,
            path(
                "peer",
                "^[0-9a-f]{16}$",
                "The beginning of the SHA-256 of its key",
            ),
        ],
    ),
    ("/quorum", "The policy.", &[]),
    ("/releases", "The streams of releases.", &[]),
    (
        "/releases/{hash}",
        "One stream.",
        &[path("hash", HEX, "The SHA-256 of the stream")],
    ),
    ("/protections", "Protections and canaries.", &[]),
    ("/auditors", "The other auditors.", &[]),
    ("/status", "How this auditor does.", &[]),
    ("/verify", "Verifies a file in the browser.", &[]),
    ("/lookup", "What is shown of a log for one index.", &[]),
    ("/me", "What this auditor knows of whoever reads.", &[]),
    ("/words", "What the words mean.", &[]),
    ("/about", "Who runs it.", &[]),
    (
        "/search",
        "What a hash, a position or a name belongs to.",
        &[Parameter {
            name: "q",
            place: "query",
            pattern: ANY,
            what: "The text to search for",
        }],
    ),
];
