import Node
import Testing
import Wire

@Suite("files in setup.json") struct SetupFilesTests {
    private func files(_ members: String) throws(SetupError) -> Setup.Files {
        try Setup(parsing: Array("{\"server_name\":\"s1\"\(members)}".utf8), file: "setup.json").files
    }

    @Test("what is not said has a default")
    func defaults() throws {
        let files = try files("")
        #expect(files.bytesMax == 104_857_600 && files.spoolBytesMax == 10_737_418_240)
        #expect(files.accountBytesMax == 1_073_741_824 && files.keepDays == 7)
    }

    @Test("each limit can be set, and none is no file")
    func limits() throws {
        let files = try files(
            ",\"file_bytes_max\":0,\"spool_bytes_max\":3,\"spool_account_bytes_max\":2,\"file_keep_days\":365")
        #expect(files.bytesMax == 0 && files.spoolBytesMax == 3 && files.accountBytesMax == 2 && files.keepDays == 365)
    }

    @Test(
        "what is out of range is named",
        arguments: [
            "\"file_bytes_max\":-1", "\"file_bytes_max\":17179869185", "\"spool_bytes_max\":-1",
            "\"spool_account_bytes_max\":1125899906842625", "\"file_keep_days\":0", "\"file_keep_days\":366",
            "\"file_keep_days\":\"7\"",
        ])
    func outOfRange(member: String) {
        #expect(throws: SetupError.self) { try files(",\(member)") }
    }
}
