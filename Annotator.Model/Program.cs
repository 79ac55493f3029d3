Console.WriteLine("Annotator.Model");
