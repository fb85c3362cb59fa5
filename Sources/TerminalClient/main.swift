import Net

endProgram(Program.run(Array(CommandLine.arguments.dropFirst())))
