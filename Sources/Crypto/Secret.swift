import COpenSSL

/// Bytes that must not be seen: passwords, private keys, tokens. Neither printing nor reflection shows them, and they
/// are overwritten when the last reference goes. Whoever copies them out answers for the copy.
package final class Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Written in `init` only, so readers on several threads are safe.
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    /// Copies `bytes`; the caller's own copy stays as it is.
    package init(_ bytes: some Collection<UInt8>) {
        storage = .allocate(byteCount: bytes.count, alignment: 1)
        storage.copyBytes(from: bytes)
    }

    /// The UTF-8 bytes of `text`. No normalisation is made.
    package convenience init(text: String) { self.init(text.utf8) }

    /// Moves `bytes` here: the array is overwritten and empty afterwards.
    package convenience init(wiping bytes: inout [UInt8]) {
        self.init(bytes)
        wipe(&bytes)
    }

    deinit {
        OPENSSL_cleanse(storage.baseAddress, storage.count)
        storage.deallocate()
    }

    package var count: Int { storage.count }

    /// A copy that nobody wipes but the caller. Never put it into a log, an error or a description.
    package var exposed: [UInt8] { Array(storage) }

    /// The bytes in place; the pointer is valid inside `body` only.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }

    package var description: String { "Secret(hidden)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
