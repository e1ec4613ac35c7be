"""The rooms of torch, peft and trl: training an adapter and asking it, each in its own process."""
