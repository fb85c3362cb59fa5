/// Which end of the connection we are (RFC 6455 §1.3): a client dialled and masks what it sends, a server accepted.
package enum Side: Sendable { case client, server }

/// What one peer may make us hold. Whoever exceeds a limit is told so and loses the connection; nothing is stored first.
/// Time is the driver's: it ends openings that take too long and messages that stay unfinished.
package struct Limits: Sendable {
    /// Bytes of one message over all its fragments. A presence page is at most 256 KiB; twice that leaves room to grow.
    /// Beyond it: close code 1009.
    package var messageBytesMax = 512 << 10

    /// Frames of one message. An honest sender needs a handful; tiny fragments cost us far more than they cost a hostile
    /// one. Beyond it: close code 1008.
    package var fragmentsMax = 1024

    /// Bytes of an HTTP head, from the first line to the empty one. Common servers allow 8 KiB. Beyond it: HTTP 431.
    package var openingBytesMax = 8 << 10

    /// Header fields of an HTTP head. A browser behind two proxies sends about 30. Beyond it: HTTP 431.
    package var headerFieldsMax = 64

    /// Pongs that wait for the next `takeOutput()`, at least 1. RFC 6455 §5.5.3 lets us answer only the newest ping,
    /// so a flood of pings in one read costs one pong.
    package var pendingPongsMax = 1

    package init() {}
}
