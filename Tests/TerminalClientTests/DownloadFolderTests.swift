import TerminalClient
import Testing

@Suite struct DownloadFolderTests {
    private func path(_ chosen: String?, _ environment: [String: String]) -> String? {
        DownloadFolder(chosen: chosen, environment: { environment[$0] }).path
    }

    @Test func theEnvironmentGoesBeforeTheSetupAndThatBeforeTheDefault() {
        let home = ["HOME": "/home/a"]
        #expect(path("/x", ["XDG_DOWNLOAD_DIR": "/d", "HOME": "/home/a"]) == "/d")
        #expect(path("/x", ["XDG_DOWNLOAD_DIR": "relative", "HOME": "/home/a"]) == "/x")
        #expect(path("~/x", home) == "/home/a/x")
        #expect(path(nil, home) == "/home/a/Downloads")
        #expect(path(nil, ["HOME": "relative"]) == nil)
        #expect(path(nil, [:]) == nil)
    }
}
