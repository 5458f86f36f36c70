#!/bin/sh
# the Kafka door against a real broker of Apache Kafka
. "$(dirname "$0")/stage.sh"

KAFKA_DIR=$TEST_DIR/kafka
JARS=$ROOT/build/kafka/jars
VERSION=$(sed -n 's/.*<version>\([0-9.]*\)<\/version>.*/\1/p' tests/kafka/pom.xml | tail -n 1)

# The broker's jars, once for each version; Maven compares checksums.
need_jars()
{
	[ -f "$JARS/.complete-$VERSION" ] && return 0
	rm -rf "$JARS"
	quiet "mvn copies Kafka $VERSION and what it needs" mvn -q -B --strict-checksums \
		-f tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$JARS" ||
		return 1
	touch "$JARS/.complete-$VERSION"
}

kafka_java()
{
	java -Xmx512m -cp "$JARS/*" "$@"
}

# One node that is broker and controller, with its log in the stage's folder.
write_properties()
{
	cat >"$KAFKA_DIR/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:$BROKER_PORT,CONTROLLER://127.0.0.1:$CONTROLLER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:$BROKER_PORT
controller.listener.names=CONTROLLER
log.dirs=$KAFKA_DIR/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
END
}

answers()
{
	answers_until=$(($(seconds) + 60))
	while ! $PYTHON -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)' "$BROKER_PORT" 2>/dev/null; do
		kill -0 "$1" 2>/dev/null && [ "$(seconds)" -lt $answers_until ] || return 1
		sleep 0.2
	done
}

command -v java >/dev/null || need_packages default-jre-headless
command -v mvn >/dev/null || need_packages maven
rm -rf "$KAFKA_DIR"
mkdir -p "$KAFKA_DIR"
need_jars || give_up "the jars of Kafka $VERSION are there"
BROKER_PORT=$(free_port)
CONTROLLER_PORT=$(free_port)
write_properties
quiet "Kafka formats its storage" kafka_java kafka.tools.StorageTool format \
	-t "$(kafka_java kafka.tools.StorageTool random-uuid 2>/dev/null)" \
	-c "$KAFKA_DIR/server.properties" || give_up "Kafka formats its storage"
start_server kafka java -Xmx512m -cp "$JARS/*" kafka.Kafka "$KAFKA_DIR/server.properties"
KAFKA_PID=$SERVER_PID
answers "$KAFKA_PID" || give_up "Kafka answers"
claim "Kafka $VERSION answers" true
# The door by itself, and as a server's configuration names it.
passed=0
for program in door_kafka door_stream; do
	log=$LOG_DIR/$program.log
	TEST_KAFKA_BROKERS=127.0.0.1:$BROKER_PORT "$BUILD/tests/unit/test-$program" >"$log" 2>&1
	status=$?
	cat "$log"
	failed=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$log")
	passed=$((passed + $(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$log" | grep . || echo 0)))
	# The program's own closing line stands above and is counted; this one is for the rest.
	[ $status = 0 ] || [ "${failed:-0}" -gt 0 ] || FAILED=$((FAILED + 1))
done
stop_server "$KAFKA_PID"
say "the door: ${passed:-0} passed"
close_stage
