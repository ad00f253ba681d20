from benchmarks.operations import seconds_by_kind


def test_the_times_of_operations_are_summed_by_kind_and_what_contains_them_is_left_out():
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    trace = XSpace()
    plane = trace.planes.add()
    names = ["ExecutorState::Process", "while/c1:Conv2D", "while/c3:_MklNativeConv2D", "while/tanh:Tanh", "an event"]
    for number, name in enumerate(names):
        plane.event_metadata[number].name = name
    for number in (0, 1, 2, 1, 3, 4):
        plane.lines.add().events.add(metadata_id=number, duration_ps=10**12)
    assert seconds_by_kind(trace.SerializeToString()) == {"Conv2D": 3, "Tanh": 1}
