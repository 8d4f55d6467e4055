import java.nio.file.Path;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** Starts a Neo4j server in the folder HOME by HOME/neo4j.conf and stops it in order on a signal, or, with
 * --until-eof, when standard input ends. Neo4j's own entry point is not published to Maven repositories. */
public final class Launch {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        DatabaseManagementService service = new DatabaseManagementServiceBuilder(home)
                .loadPropertiesFromFile(home.resolve("neo4j.conf"))
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
        if (!service.database("neo4j").isAvailable(60_000)) {
            System.err.println("The database did not become available");
            System.exit(1);
        }
        System.out.println("READY");
        if (args.length > 1 && args[1].equals("--until-eof")) {
            while (System.in.read() >= 0) { }
            System.exit(0);
        }
        Thread.currentThread().join();
    }
}
