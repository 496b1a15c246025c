package main

func memberFaults() []fault { return nil }
