// swift-tools-version: 6.2
import PackageDescription

/// Set by `Scripts/fuzz` to the toolchain's libFuzzer without a `main`: builds the fuzz targets as well, and everything
/// with the sanitizers.
let fuzzer = Context.environment["FUZZ"]

let language: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let settings: [SwiftSetting] =
    language + [
        fuzzer == nil
            // Dynamic exclusivity checks cost about 40 % of a small message's instructions; tests keep them on.
            ? .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
            : .unsafeFlags(["-sanitize=fuzzer,address"])
    ]

/// A library module; its folder is `Sources/NAME`. What it may import is the table in `Docs/architecture.md`.
func module(_ name: String, _ dependencies: [String]) -> Target {
    .target(name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [String]) -> Target {
    .executableTarget(name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [String]) -> Target {
    .testTarget(name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings)
}

let package = Package(
    name: "postroad",
    products: [
        .executable(name: "postroad-node", targets: ["Node"]),
        .executable(name: "postroad", targets: ["TerminalClient"]),
        .executable(name: "postroad-bench", targets: ["Benchmarks"]),
        .executable(name: "websocket-echo-server", targets: ["EchoServer"]),
        .executable(name: "websocket-echo-client", targets: ["EchoClient"]),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        module("Bytes", []),
        module("WebSocket", ["Bytes"]),
        module("Wire", ["Bytes"]),
        module("Deflate", ["WebSocket", "CZlib"]),
        module("Crypto", ["Bytes", "COpenSSL"]),
        module("Federation", ["Bytes", "Wire"]),
        module("Net", ["Bytes", "CLinux", "COpenSSL"]),
        module("Store", ["Bytes", "Wire", "CSQLite"]),
        module("WebSocketTransport", ["Bytes", "WebSocket", "Net"]),
        module("Files", ["Bytes", "Wire", "Crypto"]),
        module("ChatClient", ["Bytes", "Wire", "Crypto", "Net", "Store", "Files"]),
        program("Node", ["Bytes", "Wire", "WebSocket", "WebSocketTransport", "Net", "Federation", "Store", "Crypto"]),
        program("EchoServer", ["WebSocket", "WebSocketTransport", "Deflate", "Net", "Crypto"]),
        program("EchoClient", ["WebSocket", "WebSocketTransport", "Deflate", "Net"]),
        program("TerminalClient", ["Bytes", "Wire", "ChatClient", "Net"]),
        program("Benchmarks", ["Bytes", "Wire", "WebSocket", "Crypto", "Net", "ChatClient"]),

        tests("BytesTests", ["Bytes"]),
        tests("WebSocketTests", ["WebSocket", "Deflate", "Bytes"]),
        tests("DeflateTests", ["Deflate", "WebSocket"]),
        tests("WireTests", ["Wire", "WebSocket", "Bytes"]),
        tests("CryptoTests", ["Crypto", "Bytes"]),
        tests("FederationTests", ["Federation", "Wire", "Bytes"]),
        tests("NetTests", ["Net", "Crypto", "Bytes"]),
        tests("StoreTests", ["Store", "Wire", "Bytes"]),
        tests("WebSocketTransportTests", ["WebSocketTransport", "WebSocket", "Deflate", "Net", "Bytes"]),
        tests("FilesTests", ["Files", "Crypto", "Wire", "Bytes"]),
        tests("ChatClientTests", ["ChatClient", "Files", "Wire", "Crypto", "Net", "Store", "Bytes"]),
        tests("NodeTests", ["Node", "Wire", "Federation", "Store", "Crypto", "Net", "Bytes"]),
        tests("TerminalClientTests", ["TerminalClient", "ChatClient", "Net", "Wire", "Bytes"]),
        tests("SimulatorTests", ["Node", "ChatClient", "Files", "Federation", "Store", "Crypto", "Wire", "Bytes"]),
    ]
)

if let fuzzer {
    package.products.append(.executable(name: "postroad-fuzz", targets: ["Fuzz"]))
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "Fuzz", dependencies: ["Bytes", "WebSocket", "Deflate", "Wire", "CLibFuzzer"], path: "Fuzz/Targets",
            // Without the coverage of the targets themselves, which are not what is fuzzed.
            swiftSettings: language + [.unsafeFlags(["-sanitize=address"])],
            linkerSettings: [.unsafeFlags(["-sanitize=address", fuzzer, "-lstdc++"])]),
    ]
}
