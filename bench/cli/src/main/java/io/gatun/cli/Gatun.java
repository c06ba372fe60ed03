/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The command line. */
@Command(
        name = "gatun",
        description =
                "Native numeric kernels for the JVM: looks at this machine, checks, runs, times and draws them.",
        subcommands = {
            DoctorCommand.class,
            CheckCommand.class,
            BenchCommand.class,
            InspectCommand.class
        },
        mixinStandardHelpOptions = true,
        versionProvider = Gatun.Version.class,
        synopsisSubcommandLabel = "COMMAND")
public final class Gatun implements Runnable {
    /** What was asked for does not hold: a check failed. */
    static final int FAILED = 1;

    /** The command line or a file named there is wrong. */
    static final int USAGE = 2;

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "More detail, and stack traces of errors.")
    private boolean verbose;

    @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

    private Gatun() {}

    /**
     * Runs a command and exits with 0, with 1 if a check failed, or with 2 if the command line is
     * wrong.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /** The command line with all commands. */
    static CommandLine commandLine() {
        Gatun gatun = new Gatun();
        CommandLine commandLine = new CommandLine(gatun);
        commandLine.addSubcommand("run", RunCommand.commandLine());
        commandLine.addSubcommand("plot", PlotCommand.commandLine());
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        commandLine.setUsageHelpAutoWidth(true);
        commandLine.setParameterExceptionHandler(
                (e, arguments) -> {
                    PrintWriter err = e.getCommandLine().getErr();
                    err.println(
                            "gatun: "
                                    + e.getMessage().lines().findFirst().orElse("wrong usage")
                                    + " (see "
                                    + e.getCommandLine().getCommandSpec().qualifiedName()
                                    + " --help)");
                    if (gatun.verbose) {
                        e.printStackTrace(err);
                    }
                    return USAGE;
                });
        commandLine.setExecutionExceptionHandler(
                (e, command, result) -> {
                    PrintWriter err = command.getErr();
                    err.println("gatun: " + oneLine(e));
                    if (gatun.verbose) {
                        e.printStackTrace(err);
                    }
                    return e instanceof IOException || e instanceof UserException ? USAGE : FAILED;
                });
        return commandLine;
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /** The version in the manifest of the jar. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Gatun.class.getPackage().getImplementationVersion();
            return new String[] {"gatun " + (version == null ? "(not from a jar)" : version)};
        }
    }

    private static String oneLine(Exception e) {
        if (e instanceof FileSystemException file && (file.getReason() == null)) {
            // Its message is the path alone.
            return file.getFile() + ": " + describe(file);
        }
        String message = e.getMessage();
        return message == null
                ? "unexpected " + e
                : message.lines().findFirst().orElse(e.toString());
    }

    private static String describe(FileSystemException e) {
        return switch (e) {
            case NoSuchFileException missing -> "no such file or folder";
            case AccessDeniedException denied -> "access denied";
            default -> e.getClass().getSimpleName();
        };
    }
}
