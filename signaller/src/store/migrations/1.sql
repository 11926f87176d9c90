-- Times are milliseconds since 1970. Secrets are kept as SHA-256, passwords as argon2id.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- whoever gets the name of a removed account is somebody else
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'device', 'admin')),
    label TEXT,
    password TEXT, -- null: tokens only
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE rights (
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    "right" TEXT NOT NULL CHECK ("right" IN ('see', 'watch', 'talk', 'call', 'control')),
    circle TEXT NOT NULL CHECK (circle IN ('everyone', 'users', 'listed', 'nobody')),
    PRIMARY KEY (account, "right")
) STRICT, WITHOUT ROWID;

-- Who is listed, for each right whose circle is that.
CREATE TABLE listed (
    account INTEGER NOT NULL,
    "right" TEXT NOT NULL,
    other INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    PRIMARY KEY (account, "right", other),
    FOREIGN KEY (account, "right") REFERENCES rights ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX listed_other ON listed (other);

-- Tokens, web sessions, and connections that logged in with a password: one row of numbers for all,
-- none used twice.
CREATE TABLE credentials (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'session', 'connection')),
    name TEXT,
    secret BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    expires INTEGER,
    used INTEGER
) STRICT;
CREATE INDEX credentials_account ON credentials (account);

CREATE TABLE invites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    secret BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

-- The peer id of each installation of an account.
CREATE TABLE peers (
    account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    instance TEXT NOT NULL,
    peer TEXT NOT NULL UNIQUE,
    used INTEGER NOT NULL,
    PRIMARY KEY (account, instance)
) STRICT, WITHOUT ROWID;

-- Connections that can come back.
CREATE TABLE resumes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE,
    previous BLOB UNIQUE, -- good until the newer one has arrived
    account INTEGER REFERENCES accounts ON DELETE CASCADE, -- null: a guest
    credential INTEGER REFERENCES credentials ON DELETE CASCADE,
    peer TEXT NOT NULL,
    instance TEXT,
    calls INTEGER NOT NULL, -- whether somebody is there who can answer one
    seen INTEGER NOT NULL
) STRICT;
CREATE INDEX resumes_account ON resumes (account);
CREATE INDEX resumes_credential ON resumes (credential);

-- What follows names accounts by text: it outlives them.

CREATE TABLE open_calls (
    call TEXT PRIMARY KEY,
    accepted INTEGER NOT NULL,
    caller TEXT NOT NULL,
    caller_peer TEXT NOT NULL,
    caller_media INTEGER NOT NULL, -- 1 sound, 2 a picture
    caller_attached TEXT NOT NULL, -- JSON: [peer]
    callee TEXT NOT NULL,
    callee_peer TEXT NOT NULL,
    callee_media INTEGER NOT NULL,
    callee_attached TEXT NOT NULL,
    sessions TEXT NOT NULL -- JSON: [[session, producer, consumer]]
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    call TEXT NOT NULL,
    caller TEXT NOT NULL,
    callee TEXT NOT NULL,
    began INTEGER NOT NULL,
    rang INTEGER NOT NULL, -- for so many milliseconds
    talked INTEGER, -- null: it was never accepted
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX calls_began ON calls (began);
CREATE INDEX calls_caller ON calls (caller, began);
CREATE INDEX calls_callee ON calls (callee, began);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL, -- an account, (owner) or (guest)
    remote TEXT,
    action TEXT NOT NULL,
    object TEXT,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at);
