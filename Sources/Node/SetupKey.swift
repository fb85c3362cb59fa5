import Wire

/// The keys of the setup file. This is the one table of them: the reader, the errors, `--help`, `check` and, held to it
/// by a test, `Docs/operating.md` take names, defaults and meanings from here. What is not here stops the start.
package enum SetupKey: String, CaseIterable, Sendable {
    case serverName = "server_name"
    case admin = "admin"
    case peers = "mailing_address"
    case clientAddress = "client_address"
    case linkAddress = "link_address"
    case data = "data"
    case passwordIterations = "password_iterations"
    case allowsPlaintextLinks = "allow_plaintext_links"
    case requiresClientTLS = "require_client_tls"
    case certificate = "certificate"
    case clientIssuers = "client_certificate_issuers"
    case fileBytesMax = "file_bytes_max"
    case spoolBytesMax = "spool_bytes_max"
    case spoolAccountBytesMax = "spool_account_bytes_max"
    case fileKeepDays = "file_keep_days"

    /// The default as it would be written into the file, nil for the key that has to be there, and one line for people.
    package var row: (standard: String?, meaning: String) {
        switch self {
        case .serverName:
            (nil, "the name behind the @: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit")
        case .admin:
            (
                "none",
                "who may log in: \"alice\": \"password\", \"alice@s1\": … or a verifier "
                    + "SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey"
            )
        case .peers: ("none", "the other servers, each with the address to dial or an object")
        case .clientAddress:
            (Setup.defaultClientAddress, "where clients connect; numeric, port 0 takes a free one")
        case .linkAddress: (Setup.defaultLinkAddress, "where other servers connect")
        case .data:
            (Setup.defaultData, "folder of the key and the messages; a relative one lies beside the setup file")
        case .passwordIterations:
            (
                String(Setup.defaultIterations),
                "cost of a password guess, \(Setup.iterations.lowerBound) to \(Setup.iterations.upperBound)"
            )
        case .allowsPlaintextLinks: ("false", "take plaintext links from other machines too")
        case .requiresClientTLS: ("false", "refuse clients that do not speak TLS")
        case .certificate:
            (
                "\(Setup.TLS.ownFile) in the data folder, made at the first start",
                "file with the certificate of this node and its key in PEM; read again on SIGHUP"
            )
        case .clientIssuers:
            (
                "none",
                "file with certificates in PEM: clients must show a certificate that one of these issued for their user"
            )
        case .fileBytesMax:
            (
                String(Setup.Files.defaultBytesMax),
                "size of one file, 0 to \(FileOffer.bytesMax); with 0 no new files are taken"
            )
        case .spoolBytesMax: (String(Setup.Files.defaultSpoolBytesMax), "disk for the files of all accounts")
        case .spoolAccountBytesMax:
            (String(Setup.Files.defaultAccountBytesMax), "of it, for the files of one account")
        case .fileKeepDays:
            (
                String(Setup.Files.defaultKeepDays),
                "how long a file waits to be fetched, 1 to \(Setup.Files.keepDaysMax)"
            )
        }
    }
}

/// The keys of an entry of `mailing_address` that is an object.
package enum PeerKey: String, CaseIterable, Sendable {
    case address, key, presence

    package var meaning: String {
        switch self {
        case .address: "where to dial it, HOST:PORT, wss://HOST:PORT or ws://HOST:PORT; without one it only dials us"
        case .presence: "which of this node's people it is told of: all (the default) or none"
        case .key: "the key that it must prove, as postroad-node key prints it there; without one the first is pinned"
        }
    }
}
